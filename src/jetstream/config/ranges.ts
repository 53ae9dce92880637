/** Ranges of the numbers that clients give (the table of them is in docs/jetstream.md). */

/** Highest sequence of a message: records keep 48 bits. */
export const MAX_SEQUENCE = 2 ** 48 - 1
/** Longest time to live that is counted, in milliseconds: with any time of today it stays within what a Date holds. */
export const MAX_TTL_MS = 4e15
/** Nanoseconds of the longest duration: 64 bits with a sign. */
export const MAX_DURATION_NS = 2 ** 63

export function sequenceRange(what: string): string {
  return `${what} can not be above ${MAX_SEQUENCE}`
}
