/** What the cases of message tracing share: messages that ask for a trace, and traces that can be compared. */
import { login } from './credentials.ts'
import type { Line, Session } from './harness.ts'
import type { Frame } from './raw-client.ts'

export const TRACES = 'traces'

export function as(s: Session, user: string, more: Record<string, unknown> = {}): Promise<Line> {
  return s.open(user, login({ user, pass: 'p', name: `app-${user}`, ...more }))
}

export function hpub(
  subject: string,
  headers: Readonly<Record<string, string>>,
  body = 'hi',
  reply = '',
): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `NATS/1.0\r\n${lines.join('')}\r\n`
  const where = reply === '' ? subject : `${subject} ${reply}`
  return `HPUB ${where} ${head.length} ${head.length + Buffer.byteLength(body)}\r\n${head}${body}\r\n`
}

export function traced(
  subject: string,
  more: Readonly<Record<string, string>> = {},
  reply = '',
  body = 'hi',
): string {
  return hpub(subject, { 'Nats-Trace-Dest': TRACES, ...more }, body, reply)
}

export const ONLY = { 'Nats-Trace-Only': 'true' }

interface Event {
  type: string
  [key: string]: unknown
}

/** Notes what has come, in no order: traces as they are, but for what varies; all else as it is. Returns what is left out. */
export async function noteTraces(
  s: Session,
  line: Line,
  what: string,
  isLeftOut: (frame: Frame) => boolean = () => false,
): Promise<Frame[]> {
  const frames = (await line.take()).filter(({ op }) => op !== 'INFO')
  const all = frames.filter((frame) => !isLeftOut(frame)).map((frame) => JSON.stringify(shown(frame)))
  s.note(
    what,
    all.sort().map((each) => JSON.parse(each)),
  )
  return frames.filter(isLeftOut)
}

export function shown({ op, line, subject, sid, reply, headers, payload }: Frame): unknown {
  const head = {
    op,
    line,
    subject: withoutServiceReply(subject ?? ''),
    sid,
    reply: withoutServiceReply(reply ?? ''),
    headers: withoutServiceReply(headers ?? ''),
  }
  const event = parsed(payload)
  return event === null ? { ...head, payload } : { ...head, event }
}

function parsed(payload: string | undefined): unknown {
  try {
    const { server, request, events } = JSON.parse(payload ?? '')
    if (events === undefined) return null
    return {
      server: Object.keys(server).filter((key) => !['domain', 'seq', 'tags', 'metadata'].includes(key)),
      request: JSON.parse(withoutServiceReply(JSON.stringify(request))),
      events: sorted(events),
    }
  } catch {
    return null
  }
}

/** Subscriptions and streams get a message in any order: what goes out is sorted, behind each other event by itself. */
function sorted(events: Event[]): unknown[] {
  const groups: string[][] = [[]]
  for (const { cid, ts, ...rest } of events) {
    const shown = { ...rest, ...(cid === undefined ? {} : { cid: typeof cid }), ts: typeof ts }
    const text = withoutServiceReply(JSON.stringify(shown))
    if (rest.type === 'eg' || rest.type === 'js') groups[groups.length - 1].push(text)
    else groups.push([text], [])
  }
  return groups.flatMap((group) => group.sort())
}

function withoutServiceReply(text: string): string {
  return text.replace(/_R_\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*/g, '<service reply>')
}
