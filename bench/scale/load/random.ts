/** The same numbers in every run and for every server. */

/** A function that gives whole numbers from 0 below `limit`, spread evenly enough for keys. */
export function randoms(seed = 1): (limit: number) => number {
  let state = seed >>> 0 || 1
  return (limit) => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % limit
  }
}

/** Walks all numbers below a power of ten out of order. */
export function scattered(i: number, powerOfTen: number): number {
  return (i * 7919) % powerOfTen
}
