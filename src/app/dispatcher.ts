/** Starts work in order, so many at a time; by key one after the other; and not more often than a rate allows. */
import { type Rate, RateWindow } from './rate.ts'

/** A piece of work: `run` returns true when it is done already, else it calls `done` on the dispatcher later. */
export interface Work {
  run(): boolean
  /** It is thrown away before it ran. */
  giveBack(): void
  /** Work of the same key runs one after the other; null: it need not wait for any. */
  readonly key: string | null
  /** How many messages it counts for where there is a rate. Default: 1. */
  readonly size?: number
}

/** Calls `callback` once after so long; what comes back ends it. */
export type SetTimer = (callback: () => void, delayMs: number) => { cancel(): void }

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

  get first(): T | undefined {
    return this.#items[this.#head]
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
  /** Work whose key has become free, or whose pause is over: it comes before the queue. */
  readonly #ready = new Fifo<Work>()
  /** Work that waits for earlier work of its key; a key is here while one of it runs or pauses. */
  readonly #keys = new Map<string, Fifo<Work>>()
  /** Work that runs again after a pause, and keeps its key meanwhile. */
  readonly #pausing = new Map<Work, { cancel(): void }>()
  #waitingForKey = 0
  #running = 0
  #pumping = false
  #isClosed = false
  /** Nothing begins any more. */
  #isHeld = false
  /** And what was waiting is out: what comes now goes back at once. */
  #isOut = false
  readonly #rate: RateWindow | null
  #timer: NodeJS.Timeout | undefined
  #idle: Array<() => void> = []
  /** Called whenever work is done. */
  onDone: () => void = () => {}

  /**
   * @param concurrency how many may run at a time
   * @throws ContrailError INVALID_OPTION
   */
  constructor(concurrency: number, rate?: Rate) {
    this.#concurrency = concurrency
    this.#rate = rate === undefined ? null : new RateWindow(rate)
  }

  /** What waits, pauses or runs. */
  get held(): number {
    return this.active + this.#pausing.size + this.#waitingForPausing()
  }

  /** The same without what only waits for a pause to be over. */
  get active(): number {
    return (
      this.#queue.length +
      this.#ready.length +
      this.#running +
      this.#waitingForKey -
      this.#waitingForPausing()
    )
  }

  /** What runs, or would if there were room: not what waits for its key, or a pause. */
  get atHand(): number {
    return this.#queue.length + this.#ready.length + this.#running
  }

  get running(): number {
    return this.#running
  }

  push(work: Work): void {
    if (this.#isOut) {
      work.giveBack()
      return
    }
    this.#queue.push(work)
    this.#pump()
  }

  /** To be called by work that was not done when `run` returned. */
  done(work: Work): void {
    this.#finished(work)
    this.#pump()
  }

  /** True when no pause begins any more: the end is near. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * Instead of `done`, or before `run` returns false, unless it is closed: the work runs again after a pause, and what has
   * its key waits for it.
   */
  again(work: Work, pauseMs: number, setTimer: SetTimer): void {
    this.#running--
    const timer = setTimer(
      () => {
        this.#pausing.delete(work)
        this.#ready.push(work)
        this.#pump()
      },
      Math.min(pauseMs, MAX_TIMER_MS),
    )
    this.#pausing.set(work, timer)
    this.#pump()
  }

  /** Resolves when nothing waits and nothing runs. */
  idle(): Promise<void> {
    if (this.held === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** What runs goes on; nothing else begins. `clear` takes it out, and what is pushed after that is given back at once. */
  beginNoMore(): void {
    this.#isHeld = true
  }

  /** Ends all pauses: what pauses, and what waits for its key, comes out for its owner to give it back. */
  endPauses(): Work[] {
    this.#isClosed = true
    const left: Work[] = []
    const paused = [...this.#pausing]
    this.#pausing.clear()
    for (const [work, timer] of paused) {
      timer.cancel()
      left.push(work)
      if (work.key === null) continue
      const waiting = this.#keys.get(work.key) as Fifo<Work>
      this.#waitingForKey -= waiting.length
      drain(waiting, left)
      this.#keys.delete(work.key)
    }
    if (paused.length > 0 && this.held === 0) this.#tellIdle()
    return left
  }

  /** Takes out what has not begun, or was to begin again, for its owner to give it back: of a key in its order. */
  clear(): Work[] {
    this.#isOut = this.#isHeld
    const left = this.endPauses()
    drain(this.#ready, left)
    for (const waiting of this.#keys.values()) drain(waiting, left)
    drain(this.#queue, left)
    this.#waitingForKey = 0
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.held === 0) this.#tellIdle()
    return left
  }

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#running < this.#concurrency && !this.#isHeld) {
      const isReady = this.#ready.length > 0
      const from = isReady ? this.#ready : this.#queue
      const work = from.first
      if (work === undefined) break
      if (!isReady && work.key !== null) {
        const waiting = this.#keys.get(work.key)
        if (waiting !== undefined) {
          waiting.push(work)
          this.#waitingForKey++
          from.shift()
          continue
        }
      }
      if (this.#rate !== null && !this.#mayBegin(this.#rate, work)) break
      from.shift()
      if (!isReady && work.key !== null) this.#keys.set(work.key, new Fifo())
      this.#running++
      const isDone = work.run()
      // Counted when it has begun: never more begin within the time than by the clock of who notes it.
      this.#rate?.count(work.size ?? 1, performance.now())
      if (isDone) this.#finished(work)
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
    const waiting = this.#keys.get(key)
    const next = waiting?.shift()
    if (next === undefined) {
      this.#keys.delete(key)
      return
    }
    this.#waitingForKey--
    this.#ready.push(next)
  }

  #waitingForPausing(): number {
    if (this.#pausing.size === 0) return 0
    let sum = 0
    for (const { key } of this.#pausing.keys()) {
      if (key !== null) sum += this.#keys.get(key)?.length ?? 0
    }
    return sum
  }

  #mayBegin(rate: RateWindow, work: Work): boolean {
    const waitMs = rate.waitMs(work.size ?? 1, performance.now())
    if (waitMs === 0) return true
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        this.#pump()
      },
      Math.min(Math.ceil(waitMs), MAX_TIMER_MS),
    )
    return false
  }

  #tellIdle(): void {
    const waiting = this.#idle
    this.#idle = []
    for (const resolve of waiting) resolve()
  }
}

const MAX_TIMER_MS = 2 ** 31 - 1

function drain(queue: Fifo<Work>, into: Work[]): void {
  for (let work = queue.shift(); work !== undefined; work = queue.shift()) into.push(work)
}
