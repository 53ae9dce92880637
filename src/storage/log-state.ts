/** A log as its state file has it, and back. */
import type { FileSystem } from '../ports/index.ts'
import { decodeIndexHead, eachSubject, INDEX_HEAD_BYTES } from './columns.ts'
import type { Journal } from './journal.ts'
import { Ledger } from './ledger.ts'
import type { Json, MessageLog } from './message-log.ts'
import { Segment, type SegmentFiles, type SegmentState } from './segment.ts'

export interface LogState {
  name: string
  createdMs: number
  /** Journal records below this number are contained. */
  lsn: number
  meta: Json
  firstSeq: number
  lastSeq: number
  lastSec: number
  lastNsec: number
  lostRecords: number
  nextSegmentId: number
  nextLedgerId: number
  segments: SegmentState[]
  ledgers: { id: number; name: string; meta: Json; snapshot: string | null }[]
}

export function captureState(log: MessageLog, lsn: number): LogState {
  return {
    name: log.name,
    createdMs: log.createdMs,
    lsn,
    meta: log.meta,
    firstSeq: log.firstSeq,
    lastSeq: log.lastSeq,
    lastSec: log.lastSec,
    lastNsec: log.lastNsec,
    lostRecords: log.lostRecords,
    nextSegmentId: log.nextSegmentId,
    nextLedgerId: log.nextLedgerId,
    segments: log.segments.map((segment) => segment.state()),
    ledgers: [...log.ledgers.values()].map((ledger) => ({
      id: ledger.id,
      name: ledger.name,
      meta: ledger.meta,
      snapshot: snapshotOf(ledger),
    })),
  }
}

/** The owner's whole state; before it took over, what was recovered stays as it is. */
function snapshotOf(ledger: Ledger): string | null {
  if (ledger.snapshot !== null) return ledger.snapshot().toString('base64')
  return ledger.recovered?.snapshot?.toString('base64') ?? null
}

/** Fills the log from its state; reads the dictionaries of its segments' indexes, not their messages. */
export async function restoreState(
  log: MessageLog,
  state: LogState,
  files: SegmentFiles,
  fileSystem: FileSystem,
  indexPath: (segment: Segment) => string,
  journal: Journal | null,
): Promise<void> {
  log.firstSeq = state.firstSeq
  log.lastSeq = state.lastSeq
  log.committedSeq = state.lastSeq
  log.lastSec = state.lastSec
  log.lastNsec = state.lastNsec
  log.lostRecords = state.lostRecords
  log.nextSegmentId = state.nextSegmentId
  log.nextLedgerId = state.nextLedgerId
  const segments = state.segments.map((each) => Segment.restore(each, files))
  log.restoreSegments(segments)
  for (const segment of segments) {
    if (
      segment.deleted !== null ||
      !(await countByDictionary(log, segment, fileSystem, indexPath(segment)))
    ) {
      countByPosition(log, segment)
    }
    log.messages += segment.live
    log.bytes += segment.liveBytes
  }
  for (const each of state.ledgers) {
    const ledger = new Ledger(log, journal, each.id, each.name, each.meta)
    ledger.recovered = {
      snapshot: each.snapshot === null ? null : Buffer.from(each.snapshot, 'base64'),
      entries: [],
    }
    log.ledgers.set(each.name, ledger)
  }
}

const FIRST_READ_BYTES = 64 * 1024

async function countByDictionary(
  log: MessageLog,
  segment: Segment,
  fileSystem: FileSystem,
  path: string,
): Promise<boolean> {
  if (!(await fileSystem.exists(path))) return false
  const handle = await fileSystem.open(path, false)
  const read = (buffer: Buffer, at: number): Promise<number> =>
    new Promise((resolve, reject) =>
      handle.read(buffer, 0, buffer.length, at, (error, bytes) =>
        error === null ? resolve(bytes) : reject(error),
      ),
    )
  try {
    let bytes = Buffer.allocUnsafe(FIRST_READ_BYTES)
    bytes = bytes.subarray(0, await read(bytes, 0))
    const head = decodeIndexHead(bytes)
    if (head === null || head.count !== segment.count) return false
    const end = INDEX_HEAD_BYTES + head.dictionaryBytes
    if (end > bytes.length) {
      bytes = Buffer.allocUnsafe(end)
      if ((await read(bytes, 0)) < end) return false
    }
    const { table } = log
    return eachSubject(head, bytes.subarray(INDEX_HEAD_BYTES, end), (subject, count, first, last) => {
      if (count === 0) return
      const slot = table.findOrAddText(subject)
      if (table.counts[slot] === 0) table.firsts[slot] = segment.firstSeq + first
      table.counts[slot] += count
      table.lasts[slot] = segment.firstSeq + last
    })
  } finally {
    await new Promise<void>((resolve) => handle.close(() => resolve()))
  }
}

function countByPosition(log: MessageLog, segment: Segment): void {
  const columns = segment.index()
  const { table } = log
  for (let position = 0; position < segment.count; position++) {
    if (segment.isDeleted(position)) continue
    const slot = table.findOrAddText(columns.subjectAt(position))
    const seq = segment.firstSeq + position
    if (table.counts[slot]++ === 0) table.firsts[slot] = seq
    table.lasts[slot] = seq
  }
}
