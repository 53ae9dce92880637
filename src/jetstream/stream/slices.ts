/** How long one request holds the thread before others have a turn, milliseconds. */
const SLICE_MS = 5

/** Work of one request that may be long: in slices, between which everybody else is served. */
export class Slices {
  private begunMs = performance.now()
  private readonly sliceMs: number

  constructor(sliceMs = SLICE_MS) {
    this.sliceMs = sliceMs
  }

  /** Time for others? */
  get isOver(): boolean {
    return performance.now() - this.begunMs >= this.sliceMs
  }

  /** Goes on when the others have had their turn. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve))
    this.begunMs = performance.now()
  }
}

/** Elements sorted at a time, and merged between two looks at the clock. */
const RUN = 2048

/** Sorts in place, as `sort` does. */
export async function sortInSlices<T>(
  items: T[],
  compare: (a: T, b: T) => number,
  slices: Slices,
): Promise<T[]> {
  let from = items
  for (let start = 0; start < from.length; start += RUN) {
    const run = from.slice(start, start + RUN).sort(compare)
    for (let i = 0; i < run.length; i++) from[start + i] = run[i]
    if (slices.isOver) await slices.next()
  }
  let to = new Array<T>(from.length)
  for (let width = RUN; width < from.length; width *= 2) {
    for (let start = 0; start < from.length; start += 2 * width) {
      const middle = Math.min(start + width, from.length)
      const end = Math.min(start + 2 * width, from.length)
      for (let left = start, right = middle, at = start; at < end; at++) {
        const isLeft = left < middle && (right >= end || compare(from[left], from[right]) <= 0)
        to[at] = isLeft ? from[left++] : from[right++]
        if (at % RUN === 0 && slices.isOver) await slices.next()
      }
    }
    const spare = from
    from = to
    to = spare
  }
  return from
}
