/** What a checkpoint does with one log: takes it as it is at one moment, and writes that into the log's files. */

import { writeCopy, writeDocumentText, writeFileDurably } from '../files/document.ts'
import type { SegmentFlusher } from '../log/flusher.ts'
import type { LogHost } from '../log/log-contents.ts'
import type { LogFiles } from '../log/log-files.ts'
import { captureState } from '../log/log-state.ts'
import type { MessageLog } from '../log/message-log.ts'
import type { Chunk } from '../segments/chunk.ts'
import { type Columns, encodeIndex } from '../segments/columns.ts'
import type { Segment } from '../segments/segment.ts'

/** A log as it was at one moment. */
export interface CapturedLog {
  log: MessageLog
  /** As `captureState` tells it. */
  state: ReturnType<typeof captureState>
  segments: { segment: Segment; count: number; bytes: number; columns: Columns; chunks: Chunk[] }[]
}

/** @throws ReadFailure */
export function captureLog(log: MessageLog, lsn: number): CapturedLog {
  // What follows from an owner's state is to be in the log's: records that this appends are replayed on top, and change nothing.
  for (const ledger of log.ledgers.values()) ledger.beforeCapture?.()
  return {
    log,
    state: captureState(log, lsn),
    segments: log.segments
      .filter((segment) => segment.indexedCount !== segment.count)
      .map((segment) => ({
        segment,
        count: segment.count,
        bytes: segment.dataBytes,
        columns: segment.index(),
        // Kept here, since a purge meanwhile takes them from the segment.
        chunks: [...segment.chunks.values()].filter((chunk) => !chunk.isFromDisk),
      })),
  }
}

/** Writes data, indexes and state, durably. All that the log had when it was captured is durable in the journal by now. */
export async function carryOver(
  { log, state, segments }: CapturedLog,
  files: LogFiles,
  flusher: SegmentFlusher,
  host: LogHost,
): Promise<void> {
  const { fileSystem } = files
  const folder = files.folder(log.id)
  await files.makeFolder(log.id)
  await flusher.inTurn(log, async () => {
    for (const { chunks, bytes } of segments) await files.flushThrough(chunks, bytes)
  })
  for (const { segment, count, bytes, columns } of segments) {
    await files.syncData(segment)
    await writeFileDurably(fileSystem, files.indexPath(segment), encodeIndex(columns, count, bytes))
    segment.indexedCount = count
    if (segment.isSealed && segment.count === count) host.indexLoaded(segment)
  }
  // The state names these files: their entries are durable before it is.
  if (segments.length > 0) await fileSystem.syncDirectory(folder)
  const bytes = await writeDocumentText(fileSystem, `${folder}/state.json`, state.text, state.format)
  await fileSystem.syncDirectory(folder)
  await writeCopy(fileSystem, `${folder}/state.json`, bytes)
}
