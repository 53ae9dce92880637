/**
 * On a full disk: gives back what is removed, before anything larger is written. A checkpoint first carries over what the
 * journal has, and needs room for it; here the state that is on the disk is only told which segments are gone, or are
 * smaller now. That is sound, since the journal still has what removed their messages, and removals change nothing twice.
 */
import { type Columns, encodeIndex } from './columns.ts'
import { compacted, isSparse } from './compaction.ts'
import { readDocument, writeCopy, writeDocument, writeFileDurably } from './document.ts'
import type { SegmentFlusher } from './flusher.ts'
import type { LogFiles } from './log-files.ts'
import type { LogState } from './log-state.ts'
import type { LogHost, MessageLog } from './message-log.ts'
import { ReadFailure } from './read-failure.ts'
import type { Reserve } from './reserve.ts'
import type { Segment, SegmentState } from './segment.ts'

/** A segment that is not a log's any more: nothing lives in it, or another took its place. */
export interface Emptied {
  log: MessageLog
  segment: Segment
  /** The one in its place, as it was when this was noted. */
  replacedBy: SegmentState | null
}

export interface ReclaimHost extends LogHost {
  /** All appended so far is durable; rejects when the store fails before. */
  durable(): Promise<void>
}

/** With less than this share alive a segment is rewritten, when the disk is full. */
const COMPACT_BELOW = 0.9
/** Segments of one log rewritten at a time. */
const MOST_REWRITTEN = 8

export class Reclaimer {
  private readonly host: ReclaimHost
  private readonly files: LogFiles
  private readonly flusher: SegmentFlusher
  private readonly reserve: Reserve

  constructor(host: ReclaimHost, files: LogFiles, flusher: SegmentFlusher, reserve: Reserve) {
    this.host = host
    this.files = files
    this.flusher = flusher
    this.reserve = reserve
  }

  /**
   * Removes the files of segments that are not a log's any more. What emptied them has to be durable; false: they stay,
   * since the state on the disk can't be told.
   */
  async removeEmptied(log: MessageLog, emptied: readonly Emptied[]): Promise<boolean> {
    if (!(await this.amend(log, emptied))) return false
    for (const { segment } of emptied) await this.flusher.inTurn(log, () => this.files.removeSegment(segment))
    return true
  }

  /** Rewrites segments with something dead in them, one at a time: each makes room for the next. */
  async rewriteSparse(log: MessageLog, stillHas: () => boolean): Promise<void> {
    const sparse = log.segments.filter(
      (segment) =>
        segment.indexedCount === segment.count && isSparse(segment, COMPACT_BELOW, this.host.segmentBytes),
    )
    for (const old of sparse.slice(0, MOST_REWRITTEN)) {
      if (!stillHas()) return
      const fresh = await this.reserve.lending(() => this.rewrite(log, old))
      if (fresh === null) continue
      const emptied = [{ log, segment: old, replacedBy: fresh.state() }]
      // What the new one lacks is gone for good only now.
      await this.host.durable()
      await this.removeEmptied(log, emptied)
    }
  }

  /** Writes what lives in a segment into another, which takes its place; null when that came to nothing. */
  async rewrite(log: MessageLog, old: Segment): Promise<Segment | null> {
    const { fileSystem } = this.files
    const path = this.files.dataPath(old)
    const data = await fileSystem.readFile(path).catch((error: Error) => {
      throw new ReadFailure(path, error)
    })
    if (!log.segments.includes(old) || old.live === 0 || data.length < old.dataBytes) return null
    const fresh = compacted(old, log.nextSegmentId++, this.host, (offset) => ({ buffer: data, at: offset }))
    const chunks = [...fresh.chunks.values()]
    try {
      await this.flusher.inTurn(log, () => this.files.flushThrough(chunks, fresh.dataBytes))
      await this.files.syncData(fresh)
      const index = encodeIndex(fresh.columns as Columns, fresh.count, fresh.dataBytes)
      await writeFileDurably(fileSystem, this.files.indexPath(fresh), index)
      // The next state names it, and may be written without other segments.
      await fileSystem.syncDirectory(this.files.folder(log.id))
    } catch (error) {
      await this.files.removeSegment(fresh).catch(() => {})
      throw error
    }
    fresh.indexedCount = fresh.count
    if (log.replaceSegment(old, fresh)) return fresh
    await this.files.removeSegment(fresh)
    return null
  }

  /** Takes segments out of the state that is on the disk, or puts what replaced them in their place. */
  private async amend(log: MessageLog, emptied: readonly Emptied[]): Promise<boolean> {
    const { fileSystem } = this.files
    const folder = this.files.folder(log.id)
    const path = `${folder}/state.json`
    const state = await readDocument<LogState>(fileSystem, path)
    // None yet: then no file is named. A damaged one is written anew by the next checkpoint.
    if (state === null) return !(await fileSystem.exists(path))
    const byId = new Map(emptied.map((each) => [each.segment.id, each.replacedBy]))
    const segments = new Map<number, SegmentState>()
    for (const segment of state.segments) {
      const replaced = byId.get(segment.id)
      const kept = replaced === undefined ? segment : replaced
      if (kept !== null) segments.set(kept.id, kept)
    }
    state.segments = [...segments.values()]
    state.nextSegmentId = Math.max(state.nextSegmentId, log.nextSegmentId)
    await this.reserve.lending(async () => {
      await writeDocument(fileSystem, path, state)
      await fileSystem.syncDirectory(folder)
    })
    await writeCopy(fileSystem, path, state).catch(() => {})
    return true
  }
}
