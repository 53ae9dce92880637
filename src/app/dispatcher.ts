/** Starts work in order, so many at a time; by key one after the other; and not more often than a rate allows. */
import { ContrailError } from './errors.ts'
import { type Duration, toMs } from './units.ts'

/** A piece of work: `run` returns true when it is done already, else it calls `done` on the dispatcher later. */
export interface Work {
  run(): boolean
  /** It is thrown away before it ran. */
  giveBack(): void
  /** Work of the same key runs one after the other; null: it need not wait for any. */
  readonly key: string | null
}

export interface Rate {
  /** So many messages … */
  messages: number
  /** … in so long. */
  per: Duration
}

/** A first-in first-out queue on an array that is trimmed now and then. */
class Fifo<T> {
  #items: T[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head++] = undefined as T
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}

export class Dispatcher {
  readonly #concurrency: number
  readonly #queue = new Fifo<Work>()
  /** Work that waits for earlier work of its key; a key is here while one of it runs. */
  readonly #keys = new Map<string, Fifo<Work>>()
  #waitingForKey = 0
  #running = 0
  #pumping = false
  readonly #intervalMs: number
  readonly #burst: number
  #tokens: number
  #refilledAt = 0
  #timer: NodeJS.Timeout | undefined
  #idle: Array<() => void> = []
  /** Called whenever work is done. */
  onDone: () => void = () => {}

  /**
   * @param concurrency how many may run at a time
   * @throws ContrailError INVALID_OPTION
   */
  constructor(concurrency: number, rate?: Rate) {
    if (rate !== undefined && (!Number.isInteger(rate.messages) || rate.messages < 1)) {
      throw new ContrailError('INVALID_OPTION', `rate.messages: ${rate.messages} is no whole number above 0.`)
    }
    this.#concurrency = concurrency
    this.#burst = rate?.messages ?? 0
    this.#intervalMs = rate === undefined ? 0 : toMs(rate.per, 'rate.per') / rate.messages
    this.#tokens = this.#burst
  }

  /** What waits or runs. */
  get held(): number {
    return this.#queue.length + this.#waitingForKey + this.#running
  }

  get running(): number {
    return this.#running
  }

  push(work: Work): void {
    this.#queue.push(work)
    this.#pump()
  }

  /** To be called by work that was not done when `run` returned. */
  done(work: Work): void {
    this.#finished(work)
    this.#pump()
  }

  /** Resolves when nothing waits and nothing runs. */
  idle(): Promise<void> {
    if (this.held === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Throws away what has not begun, and gives it back. */
  clear(): Work[] {
    const left: Work[] = []
    for (let work = this.#queue.shift(); work !== undefined; work = this.#queue.shift()) left.push(work)
    for (const waiting of this.#keys.values()) {
      for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) left.push(work)
    }
    this.#waitingForKey = 0
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.held === 0) this.#tellIdle()
    return left
  }

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#running < this.#concurrency && this.#queue.length > 0) {
      if (this.#intervalMs > 0 && !this.#takeToken()) break
      const work = this.#queue.shift() as Work
      if (work.key !== null) {
        const waiting = this.#keys.get(work.key)
        if (waiting !== undefined) {
          waiting.push(work)
          this.#waitingForKey++
          continue
        }
        this.#keys.set(work.key, new Fifo())
      }
      this.#running++
      if (work.run()) this.#finished(work)
    }
    this.#pumping = false
  }

  #finished(work: Work): void {
    this.#running--
    if (work.key !== null) this.#nextOfKey(work.key)
    this.onDone()
    if (this.#idle.length > 0 && this.held === 0) this.#tellIdle()
  }

  #nextOfKey(key: string): void {
    const waiting = this.#keys.get(key) as Fifo<Work>
    const next = waiting.shift()
    if (next === undefined) {
      this.#keys.delete(key)
      return
    }
    this.#waitingForKey--
    this.#running++
    // In a turn of its own: a chain of synchronous handlers must not grow the stack.
    queueMicrotask(() => {
      if (next.run()) {
        this.#finished(next)
        this.#pump()
      }
    })
  }

  #takeToken(): boolean {
    const now = performance.now()
    const earned = Math.floor((now - this.#refilledAt) / this.#intervalMs)
    if (earned > 0) {
      this.#tokens = Math.min(this.#burst, this.#tokens + earned)
      this.#refilledAt = this.#tokens === this.#burst ? now : this.#refilledAt + earned * this.#intervalMs
    }
    if (this.#tokens > 0) {
      this.#tokens--
      return true
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#pump()
    }, this.#intervalMs)
    return false
  }

  #tellIdle(): void {
    const waiting = this.#idle
    this.#idle = []
    for (const resolve of waiting) resolve()
  }
}
