import { Bus, type Message } from '../../src/core/index.ts'
import { JetStream, type JetStreamOptions } from '../../src/jetstream/index.ts'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { Store, type StoreLimits } from '../../src/storage/index.ts'
import { Message as MessageClass } from '../../src/wire/index.ts'

/** Something that was delivered. */
export interface Received {
  subject: string
  headers: string
  body: string
}

export type Json = Record<string, unknown>

type HouseOptions = Partial<JetStreamOptions> & {
  files?: SimulatedFileSystem
  time?: SimulatedClock
  limits?: Partial<StoreLimits>
}

/** A whole JetStream on simulated files and time, without a socket. */
export class House {
  readonly clock: SimulatedClock
  readonly files: SimulatedFileSystem
  readonly bus: Bus
  readonly store: Store
  readonly js: JetStream
  /** What the bus has told the log. */
  readonly told: readonly string[]
  private readonly kept: Pick<HouseOptions, 'accounts' | 'limits'>
  private inboxes = 0

  private constructor(
    clock: SimulatedClock,
    files: SimulatedFileSystem,
    bus: Bus,
    store: Store,
    js: JetStream,
    kept: Pick<HouseOptions, 'accounts' | 'limits'>,
    told: string[],
  ) {
    this.clock = clock
    this.files = files
    this.bus = bus
    this.store = store
    this.js = js
    this.kept = kept
    this.told = told
  }

  static async open(options: HouseOptions = {}): Promise<House> {
    const clock = options.time ?? new SimulatedClock()
    const files = options.files ?? new SimulatedFileSystem(1)
    const { limits, accounts } = options
    const store = await Store.open({ directory: '/store', fileSystem: files, clock, limits })
    const told: string[] = []
    const bus = new Bus({ clock, log: (level, text) => told.push(`${level}: ${text}`) })
    const js = await JetStream.open({ bus, store, clock, serverName: 'S', serverId: 'S', ...options })
    return new House(clock, files, bus, store, js, { limits, accounts }, told)
  }

  /** Stops in good order and starts again on the same files. */
  async restart(): Promise<House> {
    this.js.close()
    await this.store.close()
    return House.open({ files: this.files, time: this.clock, ...this.kept })
  }

  /** Loses power and starts again on what the disk has. */
  async crash(): Promise<House> {
    return House.open({ files: this.files.restart(7), time: this.clock, ...this.kept })
  }

  /** Collects what arrives on a subject. */
  listen(subject: string): Received[] {
    const received: Received[] = []
    this.bus.account('$G').subscribe(subject, { onMessage: (message) => received.push(read(message)) })
    return received
  }

  /** `headers`: lines without their ends. */
  send(subject: string | Buffer, body: string | Buffer = '', headers: string[] = [], reply = ''): void {
    const head =
      headers.length === 0 ? '' : `NATS/1.0\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`
    const message = new MessageClass(Buffer.from(subject as string))
    message.subjectEnd = message.subject.length
    message.reply = Buffer.from(reply)
    message.replyEnd = message.reply.length
    message.body = Buffer.concat([Buffer.from(head), Buffer.from(body)])
    message.headerLength = Buffer.byteLength(head)
    message.bodyEnd = message.body.length
    this.bus.account('$G').publish(message)
  }

  /** Sends a request and waits for the answers until one comes, or a while. */
  async ask(
    subject: string,
    body: string | Buffer = '',
    headers: string[] = [],
    answers = 1,
  ): Promise<Received[]> {
    const inbox = `_INBOX.${++this.inboxes}`
    const received = this.listen(inbox)
    this.send(subject, body, headers, inbox)
    for (let i = 0; i < 200 && received.length < answers; i++) await tick()
    return received
  }

  /** A message published and acknowledged: the PubAck. */
  async publish(subject: string, body = '', headers: string[] = []): Promise<Json> {
    const [ack] = await this.ask(subject, body, headers)
    return JSON.parse(ack?.body ?? '{}')
  }

  /** A request to the API. */
  async api(verb: string, request?: unknown, headers: string[] = []): Promise<Json> {
    const body = request === undefined ? '' : typeof request === 'string' ? request : JSON.stringify(request)
    const [answer] = await this.ask(`$JS.API.${verb}`, body, headers)
    return answer === undefined ? {} : JSON.parse(answer.body)
  }

  /** Makes a stream; fails when that fails. */
  async stream(config: Json): Promise<Json> {
    const answer = await this.api(`STREAM.CREATE.${config.name}`, config)
    if (answer.error !== undefined) throw new Error(JSON.stringify(answer.error))
    return answer
  }

  async state(stream: string, request?: Json): Promise<Json> {
    return (await this.api(`STREAM.INFO.${stream}`, request)).state as Json
  }

  /** Lets time pass, and what it brings happen. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms)
    for (let i = 0; i < 20; i++) await tick()
  }
}

export function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Code and text of an answer's error. */
export function errorOf(answer: Json): [number, string] | null {
  const error = answer.error as { err_code: number; description: string } | undefined
  return error === undefined ? null : [error.err_code, error.description]
}

function read(message: Message): Received {
  const payload = message.bodyStart + message.headerLength
  return {
    subject: message.subject.toString('utf8', message.subjectStart, message.subjectEnd),
    headers: message.body.toString('utf8', message.bodyStart, payload),
    body: message.body.toString('utf8', payload, message.bodyEnd),
  }
}
