/** For cases about mirrors and sources: they come to their end some time, and not at the same time on both sides. */
import type { Session } from './session.ts'

/** nats-server looks every ten seconds for an origin of which nothing is heard. */
const PATIENCE_MS = 60_000
const LOOK_EVERY_MS = 25

/** Headers that a copy keeps, changes or loses. */
export const COPIED_HEADERS = [
  'Nats-Msg-Id: a',
  'Nats-Expected-Stream: O',
  'Nats-Expected-Last-Sequence: 2',
  'Nats-Expected-Last-Subject-Sequence: 3\nB: c',
  'Nats-Expected-Other: 1\nD: e',
  'Nats-TTL: 100',
  'Nats-Rollup: sub',
]

/** Publishes `m<from>` to `m<to>` to the origin, on four subjects. */
export async function fill(s: Session, from: number, to: number, headers = ''): Promise<void> {
  for (let i = from; i <= to; i++) await s.quietly(`o.${i % 4}`, `m${i}`, headers)
}

/** Makes the origin `O`: ten messages less two. */
export async function makeOrigin(s: Session, config: object): Promise<void> {
  await s.quietly('$JS.API.STREAM.CREATE.O', config)
  await fill(s, 1, 10)
  await s.quietly('$JS.API.STREAM.MSG.DELETE.O', { seq: 3 })
  await s.quietly('$JS.API.STREAM.MSG.DELETE.O', { seq: 10 })
}

interface Info {
  state: { messages: number; last_seq: number }
  mirror?: { lag: number; active: number; error?: { err_code: number } }
  sources?: { name: string; lag: number; active: number; error?: { err_code: number } }[]
}

/** Waits until the stream's info is as wanted, then notes it; sources by name, since nats-server shows them in any order. */
export async function until(
  s: Session,
  stream: string,
  isSo: (info: Info) => boolean,
  what = 'info',
): Promise<void> {
  const info = await wait(s, stream, isSo, what)
  info.sources?.sort((a, b) => (JSON.stringify(nameOf(a)) < JSON.stringify(nameOf(b)) ? -1 : 1))
  s.note(`${stream}: ${what}`, info)
}

/** Waits until all that the stream copies from is followed. */
export async function untilFollows(s: Session, stream: string): Promise<void> {
  const isFollowed = ({ active, error }: { active: number; error?: unknown }) =>
    active !== -1 && error === undefined
  await wait(
    s,
    stream,
    ({ mirror, sources }) =>
      [...(sources ?? []), ...(mirror === undefined ? [] : [mirror])].every(isFollowed),
    'it follows',
  )
}

async function wait(s: Session, stream: string, isSo: (info: Info) => boolean, what: string): Promise<Info> {
  const deadlineMs = Date.now() + PATIENCE_MS
  for (;;) {
    const { body } = await s.quietly(`$JS.API.STREAM.INFO.${stream}`)
    const info = body as Info
    if (info.state !== undefined && isSo(info)) return info
    if (Date.now() > deadlineMs) {
      s.note(`${stream}: ${what}, which did not come`, info)
      throw new Error(`${s.server.kind}: ${what} of ${stream} did not come: ${JSON.stringify(info)}`)
    }
    await s.wait(LOOK_EVERY_MS)
  }
}

/** The same for so many messages in it. */
export function untilHas(s: Session, stream: string, messages: number): Promise<void> {
  return until(s, stream, ({ state }) => state.messages === messages, `${messages} messages`)
}

/** The same for its last sequence. */
export function untilLast(s: Session, stream: string, seq: number): Promise<void> {
  return until(s, stream, ({ state }) => state.last_seq === seq, `last sequence ${seq}`)
}

/** Notes all messages of a stream that allows direct gets; `isSet`: in the order of what they say, where the order is left to chance. */
export async function messages(s: Session, stream: string, isSet = false): Promise<void> {
  const found = (await s.messagesOf(stream)).map(({ headers, payload }) => ({ headers, payload }))
  const shown = isSet
    ? found
        .map(({ headers = '', payload }) => ({
          headers: headers.replace(/Nats-(Sequence|Last-Sequence|Num-Pending): \d+\r\n/g, ''),
          payload,
        }))
        .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    : found
  s.note(`messages of ${stream}`, shown)
}

function nameOf({ name, ...rest }: { name: string } & Record<string, unknown>): unknown {
  return [name, rest.filter_subject, rest.subject_transforms]
}
