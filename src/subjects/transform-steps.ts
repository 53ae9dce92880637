/** What the mapping functions do to bytes. */
import type { SubjectBuffer } from './subject-buffer.ts'

/** Cut in two, `position` bytes from the left; in one piece where there is no such position. */
export function splitFromLeft(
  from: Buffer,
  start: number,
  end: number,
  position: number,
  to: SubjectBuffer,
): void {
  if (position <= 0 || position >= end - start) {
    to.add(from, start, end)
    return
  }
  to.add(from, start, start + position)
  to.dot()
  to.add(from, start + position, end)
}

export function splitFromRight(
  from: Buffer,
  start: number,
  end: number,
  position: number,
  to: SubjectBuffer,
): void {
  splitFromLeft(from, start, end, end - start - position, to)
}

/** Cut in pieces of `size` bytes from the left; the last may be shorter. */
export function sliceFromLeft(
  from: Buffer,
  start: number,
  end: number,
  size: number,
  to: SubjectBuffer,
): void {
  if (size <= 0) {
    to.add(from, start, end)
    return
  }
  for (let at = start; at < end; at += size) {
    if (at > start) to.dot()
    to.add(from, at, Math.min(at + size, end))
  }
}

/** Cut in pieces of `size` bytes from the right; the first may be shorter. */
export function sliceFromRight(
  from: Buffer,
  start: number,
  end: number,
  size: number,
  to: SubjectBuffer,
): void {
  if (size <= 0) {
    to.add(from, start, end)
    return
  }
  let at = start
  let stop = start + ((end - start) % size || Math.min(size, end - start))
  while (at < end) {
    if (at > start) to.dot()
    to.add(from, at, stop)
    at = stop
    stop += size
  }
}

/** Cut at each delimiter. Empty pieces leave no dot of their own, but for those behind one in front. */
export function split(from: Buffer, start: number, end: number, delimiter: Buffer, to: SubjectBuffer): void {
  if (delimiter.length === 0) {
    splitLetters(from, start, end, to)
    return
  }
  let begin = start
  for (;;) {
    const at = find(from, begin, end, delimiter)
    to.add(from, begin, at === -1 ? end : at)
    if (at === -1) return
    const next = at + delimiter.length
    const isNextEmpty = next === end || isAt(from, next, end, delimiter)
    if (!isNextEmpty && !(at === start && begin === start)) to.dot()
    begin = next
  }
}

/** Without a delimiter each letter (UTF-8) becomes a token. */
function splitLetters(from: Buffer, start: number, end: number, to: SubjectBuffer): void {
  for (let at = start; at < end; ) {
    const length = letterLength(from, at, end)
    if (at > start) to.dot()
    to.add(from, at, at + length)
    at += length
  }
}

/** Bytes of the letter that begins there; 1 for what is no valid UTF-8. */
function letterLength(from: Buffer, at: number, end: number): number {
  const lead = from[at]
  const length = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1
  if (length === 1 || at + length > end) return 1
  const second = from[at + 1]
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < least || second > most) return 1
  for (let i = at + 2; i < at + length; i++) if ((from[i] & 0xc0) !== 0x80) return 1
  return length
}

function find(from: Buffer, start: number, end: number, sought: Buffer): number {
  for (let at = start; at + sought.length <= end; at++) if (isAt(from, at, end, sought)) return at
  return -1
}

function isAt(from: Buffer, at: number, end: number, sought: Buffer): boolean {
  if (at + sought.length > end) return false
  for (let i = 0; i < sought.length; i++) if (from[at + i] !== sought[i]) return false
  return true
}
