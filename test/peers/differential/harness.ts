/**
 * The same script against nats-server and against Contrail; every frame and field is compared. A case is
 *
 *     differential('stream names with spaces are refused', async (s) => {
 *       await s.api('STREAM.CREATE.bad name', { name: 'bad name' })
 *     })
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { PeerServer } from '../servers.ts'
import { differences, normalise, normaliseText } from './normalise.ts'
import { type Frame, RawClient } from './raw-client.ts'

const REPLY_MS = 2000
/** Nothing more comes when nothing came for so long. */
const QUIET_MS = 150

/** A message as a script sees it. */
export interface Delivery extends Frame {
  /** JSON of the payload where it is some, else the text. */
  body: unknown
}

/** One server's side of a case: does things, and notes what came back. */
export class Session {
  readonly transcript: { did: string; got: unknown }[] = []
  readonly server: PeerServer
  private client: RawClient | null = null
  private readonly extra: RawClient[] = []
  private readonly names = new Map<string, string>()
  private nextSid = 100
  private inbox = 0

  constructor(server: PeerServer) {
    this.server = server
  }

  /** Sends bytes on a connection of their own and notes all frames after INFO, and whether it was closed. */
  async raw(...pieces: string[]): Promise<void> {
    const client = await RawClient.open(this.server.port)
    await client.take((frame) => frame.op === 'INFO', REPLY_MS)
    for (const piece of pieces) {
      client.send(piece)
      if (pieces.length > 1) await sleep(20)
    }
    await quiet(client)
    this.note(`raw ${JSON.stringify(pieces.map((piece) => piece.slice(0, 80)))}`, client.frames.map(shown))
    client.close()
  }

  /** The first INFO. */
  async info(): Promise<void> {
    const client = await RawClient.open(this.server.port)
    const info = await client.take((frame) => frame.op === 'INFO', REPLY_MS)
    client.close()
    this.note('info', JSON.parse(info?.line ?? '{}'))
  }

  /** A JetStream API request; a string body is sent as it is. Returns the answer. */
  async api(subject: string, body: unknown = '', headers = ''): Promise<Record<string, unknown>> {
    const frame = await this.requestFrame(`$JS.API.${subject}`, body, headers)
    const answer = parse(frame) as Record<string, unknown>
    if (typeof answer.name === 'string' && typeof answer.stream_name === 'string' && !subject.includes(answer.name)) {
      const wanted = JSON.stringify(body)
      if (!wanted.includes(answer.name)) this.names.set(answer.name, `<consumer ${this.names.size + 1}>`)
    }
    this.note(`api ${subject} ${typeof body === 'string' ? body : JSON.stringify(body)}`, answer)
    return answer
  }

  /** A request; notes the one reply with its headers. */
  async request(subject: string, body: unknown = '', headers = ''): Promise<Delivery> {
    const frame = await this.requestFrame(subject, body, headers)
    this.note(`request ${subject} ${headers}`, described(frame))
    return { ...frame, body: parse(frame) }
  }

  /** Publishes without a reply. */
  async publish(subject: string, body: unknown = '', headers = '', reply = ''): Promise<void> {
    const client = await this.connection()
    client.send(publication(subject, reply, body, headers))
    await this.sync(client)
  }

  /** Subscribes on the session's connection; `collect` brings what came. */
  async subscribe(subject: string, queue = ''): Promise<string> {
    const client = await this.connection()
    const sid = String(this.nextSid++)
    client.send(`SUB ${subject} ${queue === '' ? '' : `${queue} `}${sid}\r\n`)
    await this.sync(client)
    return sid
  }

  async unsubscribe(sid: string, max = ''): Promise<void> {
    const client = await this.connection()
    client.send(`UNSUB ${sid}${max === '' ? '' : ` ${max}`}\r\n`)
    await this.sync(client)
  }

  /** Notes and returns up to `count` messages of a subscription that come within `timeoutMs`. */
  async collect(sid: string, count: number, timeoutMs = REPLY_MS): Promise<Delivery[]> {
    const client = await this.connection()
    const found: Delivery[] = []
    const deadline = Date.now() + timeoutMs
    while (found.length < count) {
      const frame = await client.take((each) => each.sid === sid, deadline - Date.now())
      if (frame === null) break
      found.push({ ...frame, body: parse(frame) })
    }
    this.note(`collect ${count}`, found.map(described))
    return found
  }

  /** A pull request; notes and returns what came for it: `count` messages and statuses, within the time. */
  async pull(stream: string, consumer: string, request: unknown, count: number, timeoutMs = REPLY_MS): Promise<Delivery[]> {
    const reply = `_PULL.${++this.inbox}`
    const sid = await this.subscribe(reply)
    const client = await this.connection()
    client.send(publication(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, reply, request, ''))
    const found = await this.collect(sid, count, timeoutMs)
    await this.unsubscribe(sid)
    return found
  }

  /** Acknowledges a delivered message; `confirm`: waits for the reply, which is noted. */
  async ack(message: Delivery | undefined, kind = '+ACK', confirm = false): Promise<void> {
    if (message?.reply === undefined) {
      this.note('ack', 'there was no message to acknowledge')
      return
    }
    if (confirm) await this.request(message.reply, kind)
    else await this.publish(message.reply, kind)
  }

  /** Lets time pass on both sides alike. */
  wait(ms: number): Promise<void> {
    return sleep(ms)
  }

  note(did: string, got: unknown): void {
    this.transcript.push({ did: normaliseText(did, this.names), got: normalise(got, this.names) })
  }

  /** Removes all streams and closes the connections. */
  async end(): Promise<void> {
    const { streams } = parse(await this.requestFrame('$JS.API.STREAM.NAMES', '', '')) as { streams?: string[] }
    for (const stream of streams ?? []) await this.requestFrame(`$JS.API.STREAM.DELETE.${stream}`, '', '')
    // nats-server removes the files behind its answer: the next case must not find them.
    if (streams !== undefined && streams !== null && streams.length > 0) await sleep(120)
    this.client?.close()
    for (const client of this.extra) client.close()
  }

  private async requestFrame(subject: string, body: unknown, headers: string): Promise<Frame> {
    const client = await this.connection()
    const reply = `_REPLY.${++this.inbox}`
    const sid = String(this.nextSid++)
    client.send(`SUB ${reply} ${sid}\r\n`)
    client.send(publication(subject, reply, body, headers))
    const frame = await client.take((each) => each.sid === sid, REPLY_MS)
    client.send(`UNSUB ${sid}\r\n`)
    return frame ?? { op: 'none', line: 'no reply' }
  }

  private async connection(): Promise<RawClient> {
    if (this.client !== null && !this.client.isClosed) return this.client
    const client = await RawClient.open(this.server.port)
    client.send('CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":1}\r\n')
    await this.sync(client)
    this.client = client
    return client
  }

  private async sync(client: RawClient): Promise<void> {
    client.send('PING\r\n')
    await client.take((frame) => frame.op === 'PONG', REPLY_MS)
  }
}

let real: PeerServer
let ours: PeerServer

before(async () => {
  real = await new PeerServer('nats-server').start()
  ours = await new PeerServer('contrail').start()
})

after(async () => {
  if (process.env.SHOW_LOG !== undefined) console.log(ours.output)
  await real?.dispose()
  await ours?.dispose()
})

/** One case. `allowed`: differences meant to be, as [path pattern, reason]; each must be there. */
export function differential(
  name: string,
  script: (session: Session) => Promise<void>,
  allowed: readonly (readonly [path: RegExp, reason: string])[] = [],
): void {
  test(name, async () => {
    const sides = [new Session(real), new Session(ours)]
    const outcomes = await Promise.allSettled(sides.map((side) => script(side)))
    await Promise.all(sides.map((side) => side.end()))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    const lines: string[] = []
    const [left, right] = sides.map((side) => side.transcript)
    const used = new Set<number>()
    for (let i = 0; i < Math.max(left.length, right.length); i++) {
      const found = differences(left[i]?.got, right[i]?.got).filter((line) => {
        const known = allowed.findIndex(([path]) => path.test(line))
        if (known >= 0) used.add(known)
        return known < 0
      })
      if (found.length > 0) lines.push(`  ${left[i]?.did ?? right[i]?.did}`, ...found.map((line) => `    ${line}`))
    }
    assert.equal(lines.length, 0, `\n${lines.join('\n')}`)
    for (let i = 0; i < allowed.length; i++) assert.ok(used.has(i), `no difference any more: ${allowed[i][1]}`)
  })
}

function publication(subject: string, reply: string, body: unknown, headers: string): Buffer {
  const payload = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body), 'utf8')
  const target = reply === '' ? subject : `${subject} ${reply}`
  if (headers === '') return Buffer.concat([Buffer.from(`PUB ${target} ${payload.length}\r\n`), payload, Buffer.from('\r\n')])
  const head = Buffer.from(`NATS/1.0\r\n${headers.trim().split('\n').map((line) => `${line.trim()}\r\n`).join('')}\r\n`)
  const sizes = `${head.length} ${head.length + payload.length}`
  return Buffer.concat([Buffer.from(`HPUB ${target} ${sizes}\r\n`), head, payload, Buffer.from('\r\n')])
}

function parse(frame: Frame): unknown {
  try {
    return JSON.parse(Buffer.from(frame.payload ?? '', 'latin1').toString('utf8'))
  } catch {
    return frame.payload ?? frame
  }
}

/** A frame for the transcript: subscription ids and our own inboxes left out. */
function described(frame: Frame): unknown {
  const { op, subject, reply, headers, line } = frame
  const place = subject?.startsWith('_REPLY.') || subject?.startsWith('_PULL.') ? '<inbox>' : subject
  return { op, line, subject: place, reply, headers, body: parse(frame) }
}

function shown(frame: Frame): unknown {
  if (frame.op === 'INFO') return { op: 'INFO', info: JSON.parse(frame.line) }
  return frame
}

async function quiet(client: RawClient): Promise<void> {
  for (let seen = -1; seen !== client.frames.length && !client.isClosed; ) {
    seen = client.frames.length
    await sleep(QUIET_MS)
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
