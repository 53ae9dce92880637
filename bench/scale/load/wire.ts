/**
 * One connection on a raw socket: as little generator as there can be. Frames are handed out as offsets into
 * what came; nothing is allocated for a message.
 */
import { connect, type Socket } from 'node:net'
import { Output } from './output.ts'

/** A message as it lies in what came; valid during the call. */
export interface Frame {
  bytes: Buffer
  subjectStart: number
  subjectEnd: number
  /** Both 0 when there is no reply subject. */
  replyStart: number
  replyEnd: number
  /** With the headers, when there are any. */
  bodyStart: number
  bodyEnd: number
  hasHeaders: boolean
}

export type OnFrame = (frame: Frame) => void

const newline = 10
const space = 32
const letterH = 72
const letterI = 73
const letterM = 77
const letterP = 80
const letterO = 79
const letterN = 78
const dash = 45
const options =
  '{"verbose":false,"pedantic":false,"lang":"bench","version":"1","protocol":1,"headers":true,"no_responders":true}'

export class Wire {
  /** What is to be sent; goes out with `flush`. */
  readonly output: Output
  /** Called when all frames of a chunk were handed out: time to send what they made room for. */
  readonly afterChunk = new Set<() => void>()
  /** Called once when the connection is lost. */
  readonly onLost = new Set<(error: Error) => void>()
  readonly #socket: Socket
  readonly #handlers: (OnFrame | undefined)[] = []
  readonly #frame: Frame = {
    bytes: Buffer.alloc(0),
    subjectStart: 0,
    subjectEnd: 0,
    replyStart: 0,
    replyEnd: 0,
    bodyStart: 0,
    bodyEnd: 0,
    hasHeaders: false,
  }
  readonly #starts: number[] = []
  readonly #pongs: (() => void)[] = []
  #rest: Buffer | null = null
  #nextSid = 1
  #closing = false

  private constructor(socket: Socket) {
    this.#socket = socket
    this.output = new Output(socket)
    socket.on('data', (chunk) => this.#take(chunk))
    socket.on('error', (error) => this.#lose(error))
    socket.on('close', () => this.#lose(new Error('the server closed the connection')))
  }

  /** Resolves when the server answers. */
  static async open(port: number): Promise<Wire> {
    const wire = new Wire(connect({ port, host: '127.0.0.1', noDelay: true }))
    wire.output.line(`CONNECT ${options}`)
    await wire.settled()
    return wire
  }

  /** The frames of the subscription go to `onFrame`; the subscription's number. */
  subscribe(subject: string, onFrame: OnFrame): number {
    const sid = this.#nextSid++
    this.#handlers[sid] = onFrame
    this.output.line(`SUB ${subject} ${sid}`)
    return sid
  }

  unsubscribe(sid: number): void {
    this.#handlers[sid] = undefined
    this.output.line(`UNSUB ${sid}`)
  }

  /** Resolves when the server has taken all that was sent before. */
  settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.onLost.add(reject)
      this.#pongs.push(() => {
        this.onLost.delete(reject)
        resolve()
      })
      this.output.line('PING')
      this.output.flush()
    })
  }

  close(): void {
    this.#closing = true
    this.#socket.destroy()
  }

  #lose(error: Error): void {
    if (this.#closing) return
    this.#closing = true
    for (const lost of [...this.onLost]) lost(error)
  }

  #take(chunk: Buffer): void {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (at < bytes.length) {
      const next = this.#operation(bytes, at)
      if (next < 0) break
      at = next
    }
    this.#rest = at === bytes.length ? null : bytes.subarray(at)
    for (const then of this.afterChunk) then()
  }

  /** Handles the operation at `at`; where the next begins, or -1 when it isn't all there. */
  #operation(bytes: Buffer, at: number): number {
    const first = bytes[at]
    if (first !== letterM && first !== letterH) return this.#control(bytes, at, first)
    const starts = this.#starts
    let end = at
    let words = 0
    for (; end < bytes.length && bytes[end] !== newline; end++)
      if (bytes[end] === space) starts[words++] = end + 1
    if (end === bytes.length) return -1
    const lineEnd = end - 1
    const bodyStart = end + 1
    const bodyEnd = bodyStart + digits(bytes, starts[words - 1], lineEnd)
    if (bodyEnd + 2 > bytes.length) return -1
    const frame = this.#frame
    const hasReply = words === (first === letterM ? 4 : 5)
    frame.bytes = bytes
    frame.subjectStart = starts[0]
    frame.subjectEnd = starts[1] - 1
    frame.replyStart = hasReply ? starts[2] : 0
    frame.replyEnd = hasReply ? starts[3] - 1 : 0
    frame.bodyStart = bodyStart
    frame.bodyEnd = bodyEnd
    frame.hasHeaders = first === letterH
    this.#handlers[digits(bytes, starts[1], starts[2] - 1)]?.(frame)
    return bodyEnd + 2
  }

  #control(bytes: Buffer, at: number, first: number): number {
    const end = bytes.indexOf(newline, at)
    if (end < 0) return -1
    if (first === letterP) {
      if (bytes[at + 1] === letterO && bytes[at + 2] === letterN) this.#pongs.shift()?.()
      else {
        this.output.line('PONG')
        this.output.flush()
      }
    } else if (first === dash) {
      this.#lose(new Error(bytes.toString('latin1', at, end - 1)))
    } else if (first !== letterI) {
      this.#lose(new Error(`not understood: ${bytes.toString('latin1', at, Math.min(end, at + 100))}`))
    }
    return end + 1
  }
}

function digits(bytes: Buffer, from: number, to: number): number {
  let value = 0
  for (let i = from; i < to; i++) value = value * 10 + bytes[i] - 48
  return value
}
