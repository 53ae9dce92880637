/**
 * On a full disk: gives back what is removed, before anything larger is written. A checkpoint first carries over what the
 * journal has, and needs room for it; here the state that is on the disk is only told which segments are gone, or are
 * smaller now. That is sound, since the journal still has what removed their messages, and removals change nothing twice.
 */

import { readDocument, writeCopy, writeDocument } from '../files/document.ts'
import type { Reserve } from '../files/reserve.ts'
import type { Journal } from '../journal/journal.ts'
import type { SegmentFlusher } from '../log/flusher.ts'
import type { LogHost } from '../log/log-contents.ts'
import type { LogFiles } from '../log/log-files.ts'
import { formatOf, type LogState } from '../log/log-state.ts'
import type { MessageLog } from '../log/message-log.ts'
import { type Columns, encodeIndex } from '../segments/columns.ts'
import { compacted, isSparse } from '../segments/compaction.ts'
import type { Segment, SegmentState } from '../segments/segment.ts'
import { captureLog, carryOver } from './carry-over.ts'
import { packed, writePacked } from './pack.ts'

/** A segment that is not a log's any more: nothing lives in it, or another took its place. */
export interface Emptied {
  log: MessageLog
  segment: Segment
  /** What stands in its place, as it was when this was noted. */
  replacedBy: SegmentState[]
}

/** What has become of a segment, as of now. */
export function emptiedNow(log: MessageLog, segment: Segment): Emptied {
  const replacedBy: SegmentState[] = []
  const pending = [segment]
  for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
    if (log.segments.includes(each)) replacedBy.push(each.state())
    pending.push(...each.successors)
  }
  return { log, segment, replacedBy }
}

export interface ReclaimHost extends LogHost {
  /** All appended so far is durable; rejects when the store fails before. */
  durable(): Promise<void>
}

/** A segment in use that is larger is ended, when little of it lives. */
const LEAST_BYTES = 64 * 1024
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

  /** Takes what is dead out of the log's segments, as far as there is room for that: each makes room for the next. */
  async shrink(log: MessageLog, journal: Journal, stillHas: () => boolean): Promise<void> {
    // What is in the files already needs the least room.
    await this.shrinkWritten(log, stillHas)
    if (!stillHas() || log.deadBytes <= log.unflushedBytes) return
    log.sealSparse(LEAST_BYTES, COMPACT_BELOW)
    if (log.segments.some((segment) => segment.indexedCount !== segment.count)) {
      const captured = captureLog(log, journal.nextLsn)
      await this.host.durable()
      const bytes = log.unflushedBytes + this.reserve.documentBytes
      await this.reserve.lending(bytes, () => carryOver(captured, this.files, this.flusher, this.host))
      await this.shrinkWritten(log, stillHas)
    }
  }

  private async shrinkWritten(log: MessageLog, stillHas: () => boolean): Promise<void> {
    const sparse = log.segments.filter(
      (segment) =>
        segment.indexedCount === segment.count && isSparse(segment, COMPACT_BELOW, this.host.segmentBytes),
    )
    // The smallest first: what they give back is room for the larger ones.
    sparse.sort((a, b) => a.liveBytes - b.liveBytes)
    for (const old of sparse.slice(0, MOST_REWRITTEN)) {
      while (stillHas() && log.segments.includes(old)) {
        const roomBytes = (await this.reserve.freeBytes()) - 2 * this.reserve.documentBytes
        const isWhole = old.liveBytes + this.reserve.documentBytes <= roomBytes
        const isDone = isWhole ? await this.replace(log, old) : await this.moveTail(log, old, roomBytes)
        if (!isDone) break
      }
    }
  }

  private async replace(log: MessageLog, old: Segment): Promise<boolean> {
    const bytes = old.liveBytes + this.reserve.documentBytes
    if ((await this.reserve.lending(bytes, () => this.rewrite(log, old))) === null) return false
    const emptied = [emptiedNow(log, old)]
    // What the new one lacks is gone for good only now.
    await this.host.durable()
    return this.removeEmptied(log, emptied)
  }

  /** Moves as much of the segment's end as there is room for into one of its own, and cuts it off. */
  private async moveTail(log: MessageLog, old: Segment, roomBytes: number): Promise<boolean> {
    const columns = old.index()
    let position = old.count
    let liveBytes = 0
    for (; position > 0; position--) {
      if (old.isDeleted(position - 1)) continue
      const length = old.lengthAt(columns, position - 1)
      if (liveBytes + length > roomBytes) break
      liveBytes += length
    }
    if (liveBytes === 0) return false
    const start = columns.offsets[position]
    const data = Buffer.allocUnsafeSlow(old.dataBytes - start)
    await this.files.readData(old, data, data.length, start)
    if (!log.segments.includes(old)) return false
    const id = log.nextSegmentId++
    const tail = compacted(old, id, this.host, (offset) => ({ buffer: data, at: offset - start }), position)
    await this.reserve.lending(liveBytes + this.reserve.documentBytes, () => this.write(log, tail))
    if (!log.split(old, position, tail)) {
      await this.files.removeSegment(tail)
      return false
    }
    const emptied = [emptiedNow(log, old)]
    await this.host.durable()
    if (!log.segments.includes(old)) return this.removeEmptied(log, emptied)
    if (!(await this.amend(log, emptied))) return false
    await this.flusher.inTurn(log, () => this.files.cutOff(old))
    return true
  }

  /** Writes what lives in a segment into another, which takes its place; null when that came to nothing. */
  async rewrite(log: MessageLog, old: Segment): Promise<Segment | null> {
    const data = await this.files.loadData(old)
    if (!log.segments.includes(old) || old.live === 0 || data.length < old.dataBytes) return null
    const fresh = compacted(old, log.nextSegmentId++, this.host, (offset) => ({ buffer: data, at: offset }))
    await this.write(log, fresh)
    if (log.replaceSegment(old, fresh)) return fresh
    await this.files.removeSegment(fresh)
    return null
  }

  /** Writes a segment packed into another, which takes its place; null when that came to nothing. */
  async pack(log: MessageLog, old: Segment, isWanted: () => boolean): Promise<Segment | null> {
    const fresh = await packed(log, old, this.host, this.files, isWanted)
    if (fresh === null) return null
    if (!log.segments.includes(old)) {
      await this.files.removeSegment(fresh)
      return null
    }
    fresh.columns = old.columns
    fresh.takeChunks(old)
    log.replaceSegment(old, fresh)
    return fresh
  }

  /** Writes a segment that no state names yet, durably; leaves nothing of it when that fails. */
  private async write(log: MessageLog, fresh: Segment): Promise<void> {
    try {
      await this.writeData(log, fresh)
      await this.files.writeIndex(fresh, encodeIndex(fresh.columns as Columns, fresh.count, fresh.dataBytes))
    } catch (error) {
      await this.files.removeSegment(fresh).catch(() => {})
      for (const chunk of fresh.chunks.values()) chunk.flushed = 0
      throw error
    }
    fresh.indexedCount = fresh.count
  }

  private async writeData(log: MessageLog, fresh: Segment): Promise<void> {
    const chunks = [...fresh.chunks.values()]
    if (log.packs) {
      await writePacked(fresh, fresh, this.files, () => true)
      for (const chunk of chunks) chunk.flushed = chunk.length
      return
    }
    await this.flusher.inTurn(log, () => this.files.flushThrough(chunks, fresh.dataBytes))
    await this.files.syncData(fresh)
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
      for (const kept of byId.get(segment.id) ?? [segment]) segments.set(kept.id, kept)
    }
    // What the state does not reach yet is the journal's to tell.
    for (const { firstSeq, count } of segments.values())
      if (firstSeq + count - 1 > state.lastSeq) return false
    state.segments = [...segments.values()].sort((a, b) => a.firstSeq - b.firstSeq)
    state.nextSegmentId = Math.max(state.nextSegmentId, log.nextSegmentId)
    const bytes = await this.reserve.lending(this.reserve.documentBytes, async () => {
      const written = await writeDocument(fileSystem, path, state, formatOf(state))
      await fileSystem.syncDirectory(folder)
      return written
    })
    await writeCopy(fileSystem, path, bytes).catch(() => {})
    return true
  }
}
