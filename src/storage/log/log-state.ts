/** A log as its state file has it, and back. */
import type { FileSystem } from '../../ports/index.ts'
import { PACKED_FORMAT, PLAIN_FORMAT } from '../files/document.ts'
import { closeFile, readAt } from '../files/handles.ts'
import type { Journal } from '../journal/journal.ts'
import type { Json } from '../journal/json-records.ts'
import {
  decodeIndexHead,
  eachSubject,
  INDEX_HEAD_BYTES,
  type IndexHead,
  SUBJECT_MASK,
} from '../segments/columns.ts'
import { Segment, type SegmentFiles, type SegmentState } from '../segments/segment.ts'
import type { SubjectTable } from '../subjects/subject-table.ts'
import { Ledger } from './ledger.ts'
import type { MessageLog } from './message-log.ts'

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
  /** Of the lost records: the sequences that are known, and their bytes. */
  lost?: { sequences: number[]; bytes: number }
  nextSegmentId: number
  nextLedgerId: number
  segments: SegmentState[]
  /** `entries`: recovered ones that nobody has taken over yet. Bytes are base64. */
  ledgers: { id: number; name: string; meta: Json; snapshot: string | null; entries?: string[] }[]
}

/** A state that names packed segments is not for builds that know nothing of them. */
export function formatOf(state: { segments: readonly { packing?: string }[] }): number {
  return state.segments.some(({ packing }) => packing === 'done') ? PACKED_FORMAT : PLAIN_FORMAT
}

/** The log at this moment as the text of its state, and the format that this is in. */
export function captureState(log: MessageLog, lsn: number): { text: string; format: number } {
  // At the next start it is sealed.
  for (const segment of log.segments) if (!segment.isSealed) segment.packing = log.packs ? 'wanted' : 'none'
  const state: Omit<LogState, 'ledgers'> = {
    name: log.name,
    createdMs: log.createdMs,
    lsn,
    meta: log.meta,
    firstSeq: log.firstSeq,
    lastSeq: log.lastSeq,
    lastSec: log.lastSec,
    lastNsec: log.lastNsec,
    lostRecords: log.lost.count,
    ...(log.lost.count === 0 ? {} : { lost: { sequences: [...log.lost.sequences], bytes: log.lost.bytes } }),
    nextSegmentId: log.nextSegmentId,
    nextLedgerId: log.nextLedgerId,
    segments: log.segments.map((segment) => segment.state()),
  }
  // A line for each ledger, put together here: most are as the last checkpoint had them.
  const ledgers: string[] = []
  for (const ledger of log.ledgers.values()) ledgers.push(ledger.captured())
  const text = `${JSON.stringify(state, null, 1).slice(0, -2)},\n "ledgers": [${ledgers.join(',\n  ')}]\n}\n`
  return { text, format: formatOf(state) }
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
  log.lost.count = state.lostRecords
  log.lost.told = state.lostRecords
  log.lost.bytes = state.lost?.bytes ?? 0
  for (const seq of state.lost?.sequences ?? []) log.lost.name(seq)
  log.nextSegmentId = state.nextSegmentId
  log.nextLedgerId = state.nextLedgerId
  const segments = state.segments.map((each) => Segment.restore(log.id, each, files))
  log.restoreSegments(segments)
  for (let i = 0; i < segments.length; i += READ_AHEAD) {
    const part = segments.slice(i, i + READ_AHEAD)
    const dictionaries = await Promise.all(
      part.map((segment) =>
        segment.deleted === null ? readDictionary(segment, fileSystem, indexPath(segment)) : null,
      ),
    )
    // One after the other: each subject's first is in the first segment that has it.
    for (const [at, segment] of part.entries()) {
      const dictionary = dictionaries[at]
      if (dictionary === null || !countByDictionary(log, segment, dictionary)) countByPosition(log, segment)
      log.messages += segment.live
      log.bytes += segment.liveBytes
    }
  }
  // The first may be gone with its segment: damaged, or removed from a full disk ahead of the next checkpoint.
  log.advanceFirst()
  for (const each of state.ledgers) {
    const ledger = new Ledger(log, journal, each.id, each.name, each.meta)
    ledger.recovered = {
      snapshot: each.snapshot === null ? null : Buffer.from(each.snapshot, 'base64'),
      entries: (each.entries ?? []).map((entry) => Buffer.from(entry, 'base64')),
    }
    log.ledgers.set(each.name, ledger)
  }
}

const FIRST_READ_BYTES = 16 * 1024
/** Indexes read at a time. */
const READ_AHEAD = 32

/** What the head of an index says, and the bytes behind it. */
interface Dictionary {
  head: IndexHead
  bytes: Buffer
}

/** Null: the index is missing, damaged, or of another moment. */
async function readDictionary(
  segment: Segment,
  fileSystem: FileSystem,
  path: string,
): Promise<Dictionary | null> {
  if (!(await fileSystem.exists(path))) return null
  const handle = await fileSystem.open(path, false).catch(orUnreadable)
  if (handle === null) return null
  try {
    let bytes = Buffer.allocUnsafe(FIRST_READ_BYTES)
    bytes = bytes.subarray(0, await readAt(handle, bytes, bytes.length, 0))
    const head = decodeIndexHead(bytes)
    if (head === null || head.count !== segment.count) return null
    const end = INDEX_HEAD_BYTES + head.dictionaryBytes
    if (end > bytes.length) {
      bytes = Buffer.allocUnsafe(end)
      if ((await readAt(handle, bytes, end, 0)) < end) return null
    }
    return { head, bytes: bytes.subarray(INDEX_HEAD_BYTES, end) }
  } catch (error) {
    return orUnreadable(error)
  } finally {
    await closeFile(handle)
  }
}

/** What the disk can't give is made anew from the data; any other error may pass. */
function orUnreadable(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === 'EIO') return null
  throw error
}

/** False when the dictionary is damaged. */
function countByDictionary(log: MessageLog, segment: Segment, { head, bytes }: Dictionary): boolean {
  const { table } = log
  return eachSubject(head, bytes, (start, end, count, first, last) => {
    if (count > 0)
      countSubject(table, bytes, start, end, count, segment.firstSeq + first, segment.firstSeq + last)
  })
}

/** More messages of a subject, behind those that were counted. */
function countSubject(
  table: SubjectTable,
  bytes: Buffer,
  start: number,
  end: number,
  count: number,
  first: number,
  last: number,
): void {
  const slot = table.findOrAdd(bytes, start, end)
  if (table.counts[slot] === 0) table.firsts[slot] = first
  table.counts[slot] += count
  table.lasts[slot] = last
}

/** Counts the subjects of all segments anew, after damage was found. */
export function recount(log: MessageLog): void {
  const { table } = log
  for (let slot = table.count - 1; slot >= 0; slot--) if (table.has(slot)) table.drop(slot)
  for (const segment of log.segments) countByPosition(log, segment)
  log.advanceFirst()
}

/** Counts what lives from the columns: a segment with deletions, or one whose dictionary is damaged. */
function countByPosition(log: MessageLog, segment: Segment): void {
  const columns = segment.index()
  const { table } = log
  const { dictionary, locals } = columns
  const counts = new Uint32Array(dictionary.count)
  const firsts = new Uint32Array(dictionary.count)
  const lasts = new Uint32Array(dictionary.count)
  for (let position = 0; position < segment.count; position++) {
    if (segment.isDeleted(position)) continue
    const local = locals[position] & SUBJECT_MASK
    if (counts[local]++ === 0) firsts[local] = position
    lasts[local] = position
  }
  const { bytes, starts } = dictionary
  for (let local = 0; local < dictionary.count; local++) {
    if (counts[local] === 0) continue
    const first = segment.firstSeq + firsts[local]
    const last = segment.firstSeq + lasts[local]
    countSubject(table, bytes, starts[local], dictionary.endOf(local), counts[local], first, last)
  }
}
