/** Who is in a handler, where several are at a time; and one that is handled alone: should the process end then, it was this one. */
import type { StreamMessage } from '../message.ts'

export class Solitude {
  #inside = 0
  #alone: StreamMessage | null = null
  #isClosed = false
  /** Who waits; never more than the consumer's concurrency. */
  #waiting: Array<() => void> = []

  /** True: it may begin. False: the end has come, it is to go back. */
  enter(message: StreamMessage): boolean | Promise<boolean> {
    if (this.#isClosed) return false
    if (this.#alone !== null) return this.#changed().then(() => this.enter(message))
    this.#begins(message)
    return true
  }

  /** The same, when no other is in a handler; none begins until it has left. */
  async enterAlone(message: StreamMessage): Promise<boolean> {
    while (!this.#isClosed && this.#alone !== null) await this.#changed()
    if (this.#isClosed) return false
    this.#alone = message
    while (!this.#isClosed && this.#inside > 0) await this.#changed()
    if (this.#isClosed) return false
    this.#begins(message)
    return true
  }

  /** It is through, or pauses. */
  leave(message: StreamMessage): void {
    if (message.isInside) {
      message.isInside = false
      this.#inside--
    }
    if (this.#alone === message) this.#alone = null
    if (this.#waiting.length > 0) this.#wake()
  }

  /** Who waits is turned away, and who comes. */
  close(): void {
    this.#isClosed = true
    this.#wake()
  }

  #begins(message: StreamMessage): void {
    message.isInside = true
    this.#inside++
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
