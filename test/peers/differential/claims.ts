/** Requests about accounts, in the system account. */
import type { Line, Session } from './session.ts'

/** A request with an answer in the system account, whose times and ids don't matter. */
export async function ask(s: Session, line: Line, subject: string, body: string): Promise<void> {
  await line.send(`SUB in 9\r\nPUB ${subject} in ${body.length}\r\n${body}\r\n`)
  const frames = line.frames()
  const isWhole = (): boolean =>
    subject.endsWith('.PACK') ? frames.at(-1)?.payload === '' : frames.length > 0
  for (const end = Date.now() + 3000; !isWhole() && Date.now() < end; ) {
    await s.wait(5)
    frames.push(...line.frames())
  }
  for (const { payload } of frames) {
    const { server, ...answer } = parse(payload ?? '')
    forget(answer.data ?? answer)
    s.note(`${subject}, said of the server: ${typeof server}`, answer)
  }
  await line.send('UNSUB 9\r\n')
}

/** What of an account is not the same each time, or shown as one server has it inside. */
function forget(data: unknown): void {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return
  for (const key of [
    'decoded_jwt',
    'validation_result_jwt',
    'sublist_stats',
    'subscriptions',
    'responses',
    'mappings',
    'num_subscriptions',
    'sent',
    'received',
  ])
    delete (data as Record<string, unknown>)[key]
  // In the order of a Go map.
  for (const key of ['exports', 'imports']) {
    const list = (data as Record<string, unknown>)[key]
    if (Array.isArray(list))
      list.sort((a, b) => (JSON.stringify(sorted(a)) < JSON.stringify(sorted(b)) ? -1 : 1))
  }
  const { connections = [] } = data as { connections?: Record<string, unknown>[] }
  for (const each of connections)
    for (const key of ['cid', 'rtt', 'uptime', 'idle', 'out_bytes']) delete each[key]
}

function sorted(value: object): unknown {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
}

export function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text)
  } catch {
    return { text }
  }
}
