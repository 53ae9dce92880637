/** How many jobs of a process run at a time, over all lanes; those of a higher lane go first. */

interface Waiting {
  readonly resolve: (mayRun: boolean) => void
  timer: NodeJS.Timeout | undefined
}

/** So long a job waits for a place here before it is given back: another process may have one. */
const WAIT_MS = 1000

/** What else has to be had for a job to begin, over all processes. */
export interface Permits {
  /** How many may begin now. */
  readonly available: number
  /** So many wait for it: `onMore` is called when there are more. */
  want(count: number): void
  onMore: () => void
  /** One begins. */
  take(): void
  /** One is through. */
  giveBack(): void
  stop(): Promise<void>
}

export class Gate {
  readonly #places: number
  readonly #permits: readonly Permits[]
  readonly #waiting: Waiting[][]
  #running = 0
  /** There is room again for jobs to be fetched. */
  onFree: () => void = () => {}
  #isClosed = false

  constructor(places: number, lanes: number, permits: readonly Permits[] = []) {
    this.#places = places
    this.#permits = permits
    this.#waiting = Array.from({ length: lanes }, () => [])
    for (const one of permits) one.onMore = () => this.#admit()
  }

  /** Places that nobody runs in, or waits for, from this lane upwards. */
  free(rank: number): number {
    let taken = this.#running
    for (let i = 0; i <= rank; i++) taken += this.#waiting[i].length
    return Math.max(0, this.#places - taken)
  }

  /** True: it runs, until `leave`. False, or a promise of it: it is to be given back. */
  enter(rank: number): boolean | Promise<boolean> {
    if (this.#isClosed) return false
    if (this.#mayBegin() && this.#isFirst(rank)) {
      this.#begin()
      return true
    }
    return new Promise((resolve) => {
      const waiting: Waiting = { resolve, timer: undefined }
      const look = () => {
        // Where others could not run it either it stays.
        if (this.#running < this.#places) waiting.timer = setTimeout(look, WAIT_MS).unref()
        else this.#turnAway(rank, waiting)
      }
      waiting.timer = setTimeout(look, WAIT_MS).unref()
      this.#waiting[rank].push(waiting)
      this.#admit()
    })
  }

  leave(): void {
    this.#running--
    for (const one of this.#permits) one.giveBack()
    this.#admit()
    this.onFree()
  }

  /** Nobody enters any more, and who waits is turned away. */
  close(): void {
    this.#isClosed = true
    this.#waiting.forEach((lane, rank) => {
      for (const one of [...lane]) this.#turnAway(rank, one)
    })
  }

  #mayBegin(): boolean {
    return this.#running < this.#places && this.#permits.every((one) => one.available > 0)
  }

  #isFirst(rank: number): boolean {
    for (let i = 0; i <= rank; i++) if (this.#waiting[i].length > 0) return false
    return true
  }

  #begin(): void {
    this.#running++
    for (const one of this.#permits) one.take()
  }

  #admit(): void {
    while (this.#mayBegin()) {
      const lane = this.#waiting.find((one) => one.length > 0)
      const next = lane?.shift()
      if (next === undefined) break
      clearTimeout(next.timer)
      this.#begin()
      next.resolve(true)
    }
    if (this.#permits.length === 0) return
    const waiting = this.#waiting.reduce((sum, lane) => sum + lane.length, 0)
    const wanted = Math.min(waiting, this.#places - this.#running)
    for (const one of this.#permits) one.want(wanted)
  }

  #turnAway(rank: number, waiting: Waiting): void {
    clearTimeout(waiting.timer)
    const at = this.#waiting[rank].indexOf(waiting)
    if (at >= 0) this.#waiting[rank].splice(at, 1)
    waiting.resolve(false)
  }
}
