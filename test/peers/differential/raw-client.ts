/** A NATS client that hides nothing: every frame the server sends is kept as it came. */
import { connect, type Socket } from 'node:net'

export interface Frame {
  /** INFO, MSG, HMSG, +OK, -ERR, PING, PONG, or CLOSED when the server ended the connection. */
  op: string
  /** The rest of the control line. */
  line: string
  subject?: string
  sid?: string
  reply?: string
  headers?: string
  payload?: string
}

export class RawClient {
  readonly frames: Frame[] = []
  isClosed = false
  /** Whether PINGs are answered here; else they are frames like others. */
  answersPings = true
  private readonly socket: Socket
  private pending: Buffer = Buffer.alloc(0)
  private wake: (() => void) | null = null

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes) => this.receive(bytes))
    socket.on('error', () => {})
    socket.on('close', () => {
      if (!this.isClosed) this.push({ op: 'CLOSED', line: '' })
      this.isClosed = true
    })
  }

  static open(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => resolve(new RawClient(socket)))
    })
  }

  send(bytes: Buffer | string): void {
    if (!this.isClosed) this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** The next frame not taken yet that `accept`s; null after `timeoutMs` or when the connection is closed. */
  async take(accept: (frame: Frame) => boolean, timeoutMs: number): Promise<Frame | null> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const index = this.frames.findIndex(accept)
      if (index >= 0) return this.frames.splice(index, 1)[0]
      const left = deadline - Date.now()
      if (left <= 0 || this.isClosed) return null
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.wake = null
    }
  }

  close(): void {
    this.isClosed = true
    this.socket.destroy()
  }

  private push(frame: Frame): void {
    this.frames.push(frame)
    this.wake?.()
  }

  private receive(bytes: Buffer): void {
    this.pending = Buffer.concat([this.pending, bytes])
    for (;;) {
      const end = this.pending.indexOf('\r\n')
      if (end < 0) return
      const line = this.pending.toString('latin1', 0, end)
      const space = line.indexOf(' ')
      const op = space < 0 ? line : line.slice(0, space)
      const rest = space < 0 ? '' : line.slice(space + 1)
      if (op !== 'MSG' && op !== 'HMSG') {
        this.pending = this.pending.subarray(end + 2)
        if (op === 'PING' && this.answersPings) this.send('PONG\r\n')
        else this.push({ op, line: rest })
        continue
      }
      const parts = rest.split(' ')
      const size = Number(parts.at(-1))
      const headerLength = op === 'HMSG' ? Number(parts.at(-2)) : 0
      if (this.pending.length < end + 2 + size + 2) return
      const body = this.pending.subarray(end + 2, end + 2 + size)
      const hasReply = parts.length === (op === 'HMSG' ? 5 : 4)
      this.push({
        op,
        line: '',
        subject: parts[0],
        sid: parts[1],
        ...(hasReply ? { reply: parts[2] } : {}),
        ...(headerLength > 0 ? { headers: body.toString('latin1', 0, headerLength) } : {}),
        payload: body.toString('latin1', headerLength),
      })
      this.pending = this.pending.subarray(end + 2 + size + 2)
    }
  }
}
