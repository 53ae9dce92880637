/** Ended segments of a log that compresses: their data are written anew, packed; positions and index stay as they are. */
import { closeFile } from '../files/handles.ts'
import { isMissing, ReadFailure } from '../files/read-failure.ts'
import type { LogFiles } from '../log/log-files.ts'
import type { MessageLog } from '../log/message-log.ts'
import { GROUP_BYTES, PACKED_GROUP_BYTES, Packer } from '../packing/packer.ts'
import { type Columns, decodeIndexHead, encodeIndex } from '../segments/columns.ts'
import { Segment, type SegmentFiles } from '../segments/segment.ts'

/** What is not smaller than this share of the data stays as it is. */
const MOST_OF_PLAIN = 0.95
/** After so much of the data it can be told. */
const TOLD_BYTES = 1024 * 1024

/** The segment in other files, packed, durably; null: that saves nothing, or is not wanted any more. */
export async function packed(
  log: MessageLog,
  old: Segment,
  host: SegmentFiles,
  files: LogFiles,
  isWanted: () => boolean,
): Promise<Segment | null> {
  const fresh = new Segment(log.id, log.nextSegmentId++, old.firstSeq, host)
  fresh.count = old.count
  fresh.indexedCount = old.count
  fresh.dataBytes = old.dataBytes
  try {
    const isDone = await writePacked(old, fresh, files, () => isWanted() && log.segments.includes(old))
    if (isDone) {
      await files.writeIndex(fresh, await indexBytes(old, files))
      return fresh
    }
  } catch (error) {
    await files.removeSegment(fresh).catch(() => {})
    throw error
  }
  await files.removeSegment(fresh)
  return null
}

/**
 * Writes the data of a segment, which are in memory or in its file, packed to the file of another, or of its own where it has
 * none yet. False: that saves nothing, or is not wanted any more.
 * @throws Error when it can't be read or written
 */
export async function writePacked(
  from: Segment,
  to: Segment,
  files: LogFiles,
  isWanted: () => boolean,
): Promise<boolean> {
  const columns = from.index()
  const { buffers } = from.files
  const handle = await files.create(to)
  const buffer = buffers.take(GROUP_BYTES)
  const out = buffers.take(PACKED_GROUP_BYTES)
  try {
    const packer = new Packer(handle, out)
    for (let start = 0; start < from.dataBytes; ) {
      const { id, end } = cellAt(from, columns, start)
      for (; start < end; ) {
        const bytes = Math.min(GROUP_BYTES, end - start)
        await copyData(from, id, start, bytes, buffer, files)
        await packer.append(buffer, bytes)
        start += bytes
        if (!isWanted()) return false
        if (from !== to && start >= Math.min(TOLD_BYTES, from.dataBytes) && isNoUse(packer, start)) {
          from.packing = 'none'
          return false
        }
      }
    }
    await packer.finish()
  } finally {
    buffers.give(buffer)
    buffers.give(out)
    await closeFile(handle)
  }
  to.packing = 'done'
  return true
}

function isNoUse(packer: Packer, bytes: number): boolean {
  return packer.fileBytes > bytes * MOST_OF_PLAIN
}

/** The chunk that begins at `start`, and where it ends: what is read together is packed together. */
function cellAt(segment: Segment, columns: Columns, start: number): { id: number; end: number } {
  const id = start >>> segment.files.chunkBits
  return { id, end: segment.chunkEnd(columns, id) }
}

/** Copies of what is in memory, since that may be let go of; else from the file. */
async function copyData(
  segment: Segment,
  id: number,
  start: number,
  bytes: number,
  to: Buffer,
  files: LogFiles,
): Promise<void> {
  const chunk = segment.chunks.get(id)
  const at = chunk === undefined ? 0 : start - chunk.start
  if (chunk !== undefined && !chunk.isLoading && chunk.failure === null && at + bytes <= chunk.length) {
    chunk.buffer.copy(to, 0, at, at + bytes)
    return
  }
  await files.readData(segment, to, bytes, start)
}

/** The index as its file has it. */
async function indexBytes(segment: Segment, files: LogFiles): Promise<Buffer> {
  const bytes = await files.fileSystem.readFile(files.indexPath(segment)).catch((error: Error) => {
    if (!isMissing(error)) throw new ReadFailure(files.indexPath(segment), error)
    return Buffer.alloc(0)
  })
  if (decodeIndexHead(bytes)?.count === segment.count) return bytes
  return encodeIndex(segment.index(), segment.count, segment.dataBytes)
}
