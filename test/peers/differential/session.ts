/** One server's side of a case: does what the script says, and notes every frame that came back. */

import { NatsCli } from '../clients/program.ts'
import type { PeerServer } from '../servers.ts'
import { normalise, normaliseOutput, normaliseText } from './normalise.ts'
import { type Frame, RawClient } from './raw-client.ts'

const REPLY_MS = 3000
/** Nothing more comes when nothing came for so long. */
const QUIET_MS = 150
/** How much of what is sent stands in the transcript, in characters. */
const SHOWN_BODY = 40

export const HELLO =
  'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":1}\r\n'

/** A message as a script sees it. */
export interface Delivery extends Frame {
  /** JSON of the payload where it is some, else the text. */
  body: unknown
}

/** What was done, and what came of it, both normalised. */
export interface Entry {
  did: string
  got: unknown
}

/** A connection of its own: raw bytes out, all frames noted. */
export class Line {
  private readonly session: Session
  private readonly name: string
  private readonly client: RawClient

  constructor(session: Session, name: string, client: RawClient) {
    this.session = session
    this.name = name
    this.client = client
  }

  /** Sends bytes, and waits until the server has read them unless it closes. */
  async send(...pieces: (string | Buffer)[]): Promise<void> {
    for (const piece of pieces) this.client.send(piece)
    this.client.send('PING\r\n')
    await this.client.take((frame) => frame.op === 'PONG' || frame.op === 'CLOSED', REPLY_MS)
  }

  /** Sends bytes and nothing else. */
  write(piece: string | Buffer): void {
    this.client.send(piece)
  }

  /** Notes, takes and returns all frames until nothing has come for a moment. */
  async settle(what = 'frames'): Promise<Frame[]> {
    await quiet(this.client)
    const frames = this.client.frames.splice(0)
    this.session.note(`${this.name}: ${what}`, frames.map(shown))
    return frames
  }

  /** Leaves the server's PINGs unanswered, and shows them. */
  set isSilent(value: boolean) {
    this.client.answersPings = !value
  }

  /** Takes the frames that have come, without noting them: for what may differ, as the members of a queue group. */
  async take(): Promise<Frame[]> {
    await quiet(this.client)
    return this.client.frames.splice(0)
  }

  /** Takes the frames that have come so far, without waiting or noting them. */
  frames(): Frame[] {
    return this.client.frames.splice(0)
  }

  close(): void {
    this.client.close()
  }
}

export class Session {
  readonly transcript: Entry[] = []
  readonly server: PeerServer
  private readonly inboxes: string
  private client: RawClient | null = null
  private readonly lines: RawClient[] = []
  private readonly names = new Map<string, string>()
  private readonly prefix: string
  private readonly subscriptions = new Map<string, string>()
  /** By commands: there may be streams though this session has no connection. */
  private hasCommanded = false
  private nextSid = 100
  private inbox = 0

  /**
   * `prefix`: what the names of its streams begin with; these it removes in the end. `inboxes`: a token for those of sessions
   * side by side on a server, which are not to get each other's answers.
   */
  constructor(server: PeerServer, { prefix = '', inboxes = '' } = {}) {
    this.server = server
    this.prefix = prefix
    this.inboxes = inboxes || prefix || '0'
  }

  // Core: bytes on connections of their own.

  /** Sends bytes on a fresh connection, each piece in a packet, and notes all frames after INFO, and whether it was closed. */
  async raw(...pieces: (string | Buffer)[]): Promise<void> {
    const { said, frames } = await this.exchange(pieces)
    this.note(said, frames)
  }

  /** Like `raw` for each of several, at the same time, noted in their order: they must not reach one another. */
  async eachRaw(all: readonly string[]): Promise<void> {
    const entries = await Promise.all(all.map((piece) => this.exchange([piece])))
    for (const { said, frames } of entries) this.note(said, frames)
  }

  /** A connection to be used beside others. INFO is not noted; `connect`: the CONNECT line, maybe by INFO, '' for none. */
  async open(
    name: string,
    connect: string | ((info: Record<string, unknown>) => string) = HELLO,
  ): Promise<Line> {
    const client = await RawClient.open(this.server.port)
    this.lines.push(client)
    const info = await client.take((frame) => frame.op === 'INFO', REPLY_MS)
    client.send(typeof connect === 'string' ? connect : connect(JSON.parse(info?.line ?? '{}')))
    return new Line(this, name, client)
  }

  /** Notes the first INFO. */
  async info(): Promise<void> {
    const client = await RawClient.open(this.server.port)
    const info = await client.take((frame) => frame.op === 'INFO', REPLY_MS)
    client.close()
    this.note('info', JSON.parse(info?.line ?? '{}'))
  }

  // JetStream, on the session's own connection.

  /**
   * A JetStream API request; a string body is sent as it is. Returns the answer; `shown` says what of it is noted, all by default.
   */
  async api(
    subject: string,
    body: unknown = '',
    headers = '',
    shown: (answer: Record<string, unknown>) => unknown = (answer) => answer,
  ): Promise<Record<string, unknown>> {
    const frame = await this.ask(`$JS.API.${subject}`, body, headers)
    const answer = parse(frame) as Record<string, unknown>
    this.learnName(subject, body, answer)
    this.note(`api ${subject} ${typeof body === 'string' ? body : JSON.stringify(body)}`, shown(answer))
    return answer
  }

  /** A request; notes the one reply with its headers. */
  async request(subject: string, body: unknown = '', headers = ''): Promise<Delivery> {
    const frame = await this.ask(subject, body, headers)
    const said = typeof body === 'string' ? body.slice(0, SHOWN_BODY) : ''
    this.note(`request ${subject} ${headers} ${said}`.trim(), described(frame))
    return { ...frame, body: parse(frame) }
  }

  /** A request whose answer is neither noted nor compared: for laying out what a case is about. */
  async quietly(subject: string, body: unknown = '', headers = ''): Promise<Delivery> {
    const frame = await this.ask(subject, body, headers)
    return { ...frame, body: parse(frame) }
  }

  /** All messages of a stream that allows direct gets, not noted: what came up to the status that ends them. */
  async messagesOf(stream: string): Promise<Delivery[]> {
    const client = await this.connection()
    const reply = this.newInbox('_REPLY')
    const sid = String(this.nextSid++)
    client.send(`SUB ${reply} ${sid}\r\n`)
    client.send(publication(`$JS.API.DIRECT.GET.${stream}`, reply, { seq: 1, batch: 1000 }, ''))
    const found: Delivery[] = []
    for (;;) {
      const frame = await client.take((each) => each.sid === sid, REPLY_MS)
      if (frame === null || /^NATS\/1\.0 \d/.test(frame.headers ?? '')) break
      found.push({ ...frame, body: parse(frame) })
    }
    client.send(`UNSUB ${sid}\r\n`)
    return found
  }

  /** Publishes without waiting for a reply. */
  async publish(subject: string, body: unknown = '', headers = '', reply = ''): Promise<void> {
    const client = await this.connection()
    client.send(publication(subject, reply, body, headers))
    await sync(client)
  }

  /** Subscribes; `collect` brings what came. */
  async subscribe(subject: string, queue = ''): Promise<string> {
    const client = await this.connection()
    const sid = String(this.nextSid++)
    client.send(`SUB ${subject} ${queue === '' ? '' : `${queue} `}${sid}\r\n`)
    await sync(client)
    this.subscriptions.set(sid, subject)
    return sid
  }

  async unsubscribe(sid: string, max = ''): Promise<void> {
    const client = await this.connection()
    client.send(`UNSUB ${sid}${max === '' ? '' : ` ${max}`}\r\n`)
    await sync(client)
  }

  /** Notes and returns up to `count` messages of a subscription that come within `timeoutMs`. */
  async collect(sid: string, count: number, timeoutMs = REPLY_MS): Promise<Delivery[]> {
    const found = await this.take(sid, timeoutMs, count)
    this.note(`collect ${count}`, found.map(described))
    return found
  }

  /** Takes up to `count` messages that come within `timeoutMs`, without noting them. */
  async take(sid: string, timeoutMs: number, count = 1): Promise<Delivery[]> {
    const client = await this.connection()
    const found: Delivery[] = []
    const deadline = Date.now() + timeoutMs
    while (found.length < count) {
      const frame = await client.take((each) => each.sid === sid, deadline - Date.now())
      if (frame === null) break
      found.push({ ...frame, body: parse(frame) })
    }
    return found
  }

  /**
   * Notes, takes and returns what came to subscriptions, once nothing has come for a moment. `isOneSource`: all of it from one
   * consumer, so that the order among subscriptions is determined too.
   */
  async settle(what = 'came', isOneSource = false): Promise<Delivery[]> {
    const client = await this.connection()
    for (let seen = -1; seen !== client.frames.length && !client.isClosed; ) {
      seen = client.frames.length
      await quiet(client)
      // What the server has sent by now is read, however busy this process is.
      await sync(client)
    }
    const frames = client.frames.splice(0).filter(({ sid }) => sid !== undefined)
    const found = frames.map((frame) => ({ ...frame, body: parse(frame) }))
    if (found.length === 0) return found
    if (!isOneSource) found.sort((a, b) => Number(a.sid ?? 0) - Number(b.sid ?? 0))
    const shown = found.map((frame) => ({
      on: this.subscriptions.get(frame.sid ?? ''),
      ...(described(frame) as object),
    }))
    this.note(what, shown)
    return found
  }

  /** A request that several answers come to; notes and returns up to `count`, within the time. */
  async requestMany(
    subject: string,
    body: unknown,
    count: number,
    timeoutMs = REPLY_MS,
  ): Promise<Delivery[]> {
    const reply = this.newInbox('_MANY')
    const sid = await this.subscribe(reply)
    const client = await this.connection()
    client.send(publication(subject, reply, body, ''))
    const found = await this.collect(sid, count, timeoutMs)
    await this.unsubscribe(sid)
    return found
  }

  /** A pull request; notes and returns what came for it: up to `count` messages and statuses, within the time. */
  pull(
    stream: string,
    consumer: string,
    request: unknown,
    count: number,
    timeoutMs = REPLY_MS,
  ): Promise<Delivery[]> {
    return this.requestMany(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, request, count, timeoutMs)
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

  /** A command of the `nats` command line, words parted by spaces; notes how it ended, and what it printed. */
  async nats(command: string, ...more: string[]): Promise<void> {
    const { did, code, lines } = await this.runNats(command, more)
    this.note(did, { code, output: lines })
  }

  /** The same for a command that prints its lines in any order: they are compared sorted. */
  async natsInAnyOrder(command: string, ...more: string[]): Promise<void> {
    const { did, code, lines } = await this.runNats(command, more)
    this.note(did, { code, output: lines.sort() })
  }

  private async runNats(command: string, more: readonly string[]) {
    this.hasCommanded = true
    const args = [...command.split(' '), ...more]
    const { code, output } = await new NatsCli(this.server.url).try(args)
    return {
      did: `nats ${normaliseOutput(args.join(' '))}`,
      code,
      lines: normaliseOutput(output).split('\n'),
    }
  }

  // Both.

  /** Lets time pass on both sides alike. */
  wait(ms: number): Promise<void> {
    return sleep(ms)
  }

  /** Notes anything else that must be the same on both sides. */
  note(did: string, got: unknown): void {
    this.transcript.push({ did: normaliseText(did, this.names), got: normalise(got, this.names) })
  }

  /** Closes the connections; streams stay. */
  close(): void {
    for (const line of this.lines) line.close()
    this.client?.close()
  }

  /** Notes what came and was not asked for, removes all streams and closes the connections. */
  async end(): Promise<void> {
    for (const line of this.lines) line.close()
    // A script that only sent bytes has left no streams.
    if (this.client === null && !this.hasCommanded) return
    const client = await this.connection()
    await sync(client)
    const left = client.frames.filter((frame) => frame.op !== 'INFO')
    if (left.length > 0) this.note('frames nobody took', left.map(described))
    const { streams } = parse(await this.ask('$JS.API.STREAM.NAMES', '', '')) as { streams?: string[] }
    const own = (streams ?? []).filter((stream) => stream.startsWith(this.prefix))
    for (const stream of own) await this.ask(`$JS.API.STREAM.DELETE.${stream}`, '', '')
    // nats-server removes the files behind its answer: the next case must not find them.
    if (own.length > 0 && this.prefix === '') await sleep(120)
    client.close()
  }

  private async ask(subject: string, body: unknown, headers: string): Promise<Frame> {
    const client = await this.connection()
    const reply = this.newInbox('_REPLY')
    const sid = String(this.nextSid++)
    client.send(`SUB ${reply} ${sid}\r\n`)
    client.send(publication(subject, reply, body, headers))
    const frame = await client.take((each) => each.sid === sid, REPLY_MS)
    client.send(`UNSUB ${sid}\r\n`)
    return frame ?? { op: 'none', line: 'no reply' }
  }

  private newInbox(kind: '_MANY' | '_REPLY'): string {
    return `${kind}.${this.inboxes}.${++this.inbox}`
  }

  private async exchange(pieces: readonly (string | Buffer)[]): Promise<{ said: string; frames: unknown[] }> {
    const client = await RawClient.open(this.server.port)
    await client.take((frame) => frame.op === 'INFO', REPLY_MS)
    for (const piece of pieces) {
      client.send(piece)
      if (pieces.length > 1) await sleep(20)
    }
    await quiet(client)
    client.close()
    const said = pieces.map((piece) => piece.toString('latin1').slice(0, 80))
    return { said: `raw ${JSON.stringify(said)}`, frames: client.frames.map(shown) }
  }

  /** A consumer's name that the server made up gets the same placeholder on both sides. */
  private learnName(subject: string, body: unknown, { name, stream_name }: Record<string, unknown>): void {
    if (typeof name !== 'string' || typeof stream_name !== 'string') return
    if (subject.includes(name) || JSON.stringify(body).includes(name)) return
    this.names.set(name, `<consumer ${this.names.size + 1}>`)
  }

  private async connection(): Promise<RawClient> {
    if (this.client !== null && !this.client.isClosed) return this.client
    const client = await RawClient.open(this.server.port)
    client.send(HELLO)
    await sync(client)
    this.client = client
    return client
  }
}

/** Waits until the server has worked on all that was sent. */
async function sync(client: RawClient): Promise<void> {
  client.send('PING\r\n')
  await client.take((frame) => frame.op === 'PONG', REPLY_MS)
}

function publication(subject: string, reply: string, body: unknown, headers: string): Buffer {
  const payload = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body), 'utf8')
  const target = reply === '' ? subject : `${subject} ${reply}`
  const end = Buffer.from('\r\n')
  if (headers === '') return Buffer.concat([Buffer.from(`PUB ${target} ${payload.length}\r\n`), payload, end])
  const fields = headers
    .trim()
    .split('\n')
    .map((line) => `${line.trim()}\r\n`)
  const head = Buffer.from(`NATS/1.0\r\n${fields.join('')}\r\n`)
  const sizes = `${head.length} ${head.length + payload.length}`
  return Buffer.concat([Buffer.from(`HPUB ${target} ${sizes}\r\n`), head, payload, end])
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
  const place = subject !== undefined && /^_(REPLY|MANY)\./.test(subject) ? '<inbox>' : subject
  // nats-server puts an empty reply into what it tells itself: two spaces.
  return { op, line, subject: place, reply: reply || undefined, headers, body: parse(frame) }
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
