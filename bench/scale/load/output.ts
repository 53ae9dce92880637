/** What a connection is about to send, gathered in large buffers that are never written twice. */
import type { Socket } from 'node:net'

const bufferBytes = 256 * 1024
const headRoom = 600

export class Output {
  readonly #socket: Socket
  #buffer = Buffer.allocUnsafe(bufferBytes)
  #from = 0
  #to = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  line(text: string): void {
    this.#room(text.length + 2)
    this.#to += this.#buffer.write(`${text}\r\n`, this.#to, 'latin1')
  }

  publish(subject: string, payload: Buffer, reply = ''): void {
    this.#room(payload.length + headRoom)
    const head =
      reply === '' ? `PUB ${subject} ${payload.length}\r\n` : `PUB ${subject} ${reply} ${payload.length}\r\n`
    this.#to += this.#buffer.write(head, this.#to, 'latin1')
    this.#body(payload)
  }

  /** `headers` with its first and last line. */
  publishWithHeaders(subject: string, headers: string, payload: Buffer, reply: string): void {
    this.#room(payload.length + headers.length + headRoom)
    const head = `HPUB ${subject} ${reply} ${headers.length} ${headers.length + payload.length}\r\n${headers}`
    this.#to += this.#buffer.write(head, this.#to, 'latin1')
    this.#body(payload)
  }

  flush(): void {
    if (this.#to === this.#from) return
    this.#socket.write(this.#buffer.subarray(this.#from, this.#to))
    this.#from = this.#to
  }

  #body(payload: Buffer): void {
    this.#to += payload.copy(this.#buffer, this.#to)
    this.#buffer[this.#to++] = 13
    this.#buffer[this.#to++] = 10
  }

  #room(bytes: number): void {
    if (this.#to + bytes <= this.#buffer.length) return
    this.flush()
    this.#buffer = Buffer.allocUnsafe(Math.max(bufferBytes, bytes))
    this.#from = this.#to = 0
  }
}
