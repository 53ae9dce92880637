/** How long things took: counts in buckets, as Prometheus and OpenTelemetry draw them. */

/** Upper bounds in seconds; what took longer is in one more bucket at the end. */
export const DURATION_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
]

const BOUNDS_MS = DURATION_BUCKETS.map((seconds) => seconds * 1000)
const MS_PER_SECOND = 1000

export class Histogram {
  /** Not cumulated; one more than there are bounds. */
  readonly counts: number[] = Array.from({ length: BOUNDS_MS.length + 1 }, () => 0)
  count = 0
  #sumMs = 0

  observe(ms: number): void {
    let at = 0
    while (at < BOUNDS_MS.length && ms > BOUNDS_MS[at]) at++
    this.counts[at]++
    this.count++
    this.#sumMs += ms
  }

  /** Seconds in all. */
  get sum(): number {
    return this.#sumMs / MS_PER_SECOND
  }
}
