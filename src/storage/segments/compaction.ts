/** Rewriting of a segment in which little lives: the same messages at the same sequences, in less space. */
import { Columns, HAS_HEADERS, SUBJECT_MASK } from './columns.ts'
import { Segment, type SegmentFiles } from './segment.ts'

/** Smaller segments are left as they are, bytes. */
const MIN_BYTES = 64 * 1024

/** Is it worth the work? `below`: share of live bytes, 0 to 1. */
export function isSparse(segment: Segment, below: number, segmentBytes: number): boolean {
  return (
    segment.isSealed &&
    segment.live > 0 &&
    isLarge(segment, segmentBytes) &&
    segment.liveBytes < segment.dataBytes * below
  )
}

/** Is it large enough to be rewritten? */
export function isLarge(segment: Segment, segmentBytes: number): boolean {
  return segment.dataBytes >= Math.min(MIN_BYTES, segmentBytes / 4)
}

/**
 * Makes a segment with the live messages of another, in memory. It spans them from the first to the last:
 * positions between stay, without data. `recordAt` gives the buffer that has the record at an offset, and where. With
 * `begin`: of those from that position on.
 */
export function compacted(
  old: Segment,
  id: number,
  files: SegmentFiles,
  recordAt: (offset: number) => { buffer: Buffer; at: number },
  begin = 0,
): Segment {
  const from = old.index()
  let first = begin
  while (old.isDeleted(first)) first++
  let last = old.count - 1
  while (old.isDeleted(last)) last--
  const fresh = new Segment(old.logId, id, old.firstSeq + first, files)
  const columns = new Columns(last - first + 1)
  fresh.columns = columns
  for (let position = first; position <= last; position++) {
    if (old.isDeleted(position)) {
      columns.pushNothing(fresh.dataBytes)
    } else {
      const length = old.lengthAt(from, position)
      const chunk = fresh.room(length)
      const { buffer, at } = recordAt(from.offsets[position])
      buffer.copy(chunk.buffer, chunk.length, at, at + length)
      chunk.length += length
      chunk.lastSeq = old.firstSeq + position
      const local = columns.dictionary.findOrAddOf(from.dictionary, from.localAt(position))
      const hasHeaders = (from.locals[position] & HAS_HEADERS) !== 0
      columns.push(
        fresh.dataBytes,
        from.secs[position],
        from.nsecs[position],
        hasHeaders ? (local | HAS_HEADERS) >>> 0 : local & SUBJECT_MASK,
      )
      fresh.dataBytes += length
    }
    fresh.count++
  }
  return fresh
}

/** Brings the new segment up to what was removed from the old one meanwhile, and seals it. */
export function takeOver(fresh: Segment, old: Segment): void {
  const shift = fresh.firstSeq - old.firstSeq
  fresh.isSealed = true
  if (fresh.packing === 'none' && old.packing !== 'none') fresh.packing = 'wanted'
  for (let position = 0; position < fresh.count; position++) {
    if (old.isDeleted(position + shift)) fresh.markDeleted(position)
  }
  fresh.live = old.live
  fresh.liveBytes = old.liveBytes
  fresh.firstMs = old.firstMs
  fresh.lastMs = old.lastMs
}
