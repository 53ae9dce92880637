/**
 * Reads what the journal holds, in order: complete batches only. A torn last batch is dropped whole, since
 * nothing of it was acknowledged; a damaged record that others follow is skipped alone and reported.
 */
import type { FileSystem } from '../../ports/index.ts'
import { readAt, shortRead, syncFile } from '../files/handles.ts'
import { ReadFailure } from '../files/read-failure.ts'
import { getU32 } from '../format/bytes.ts'
import {
  addToCheck,
  BATCH_HEAD_BYTES,
  BATCH_MAGIC_BYTES,
  type BatchHead,
  batchBytes,
  CHECKSUM_BYTES,
  checkOf,
  decodeBatchHead,
  decodeBatchTail,
  ENTRY_HEAD_BYTES,
  entryBytesAt,
  isEntryIntact,
  MESSAGE,
  SYNCED,
  TAIL_MAGIC_BYTES,
} from '../format/journal-format.ts'
import { findBlocks, type Sealer } from '../sealing/index.ts'
import type { JournalFile, JournalPosition } from './journal.ts'

export interface ReplayTarget {
  /** An intact record: payload `[start, end)` of `buffer`, valid during the call. */
  entry(type: number, logId: number, buffer: Buffer, start: number, end: number, lsn: number): void
  /** Records that are damaged; `logId` 0 when it isn't known. */
  damaged(logId: number, count: number, where: string, bytes: Buffer | null): void
}

interface FoundFile extends JournalFile {
  generation: number
  firstBatch: number
  firstLsn: number
  /** What stood before that batch is damaged. */
  isFirstLost: boolean
}

/** A file that is being replayed, and the one that was used after it. */
interface Reading {
  window: Window
  file: FoundFile
  next: FoundFile | null
  sealer: Sealer | null
  /** Up to this batch all was durable at the last checkpoint. */
  syncedBatch: number
}

interface FoundHead {
  at: number
  head: BatchHead
}

const WINDOW_BYTES = 1024 * 1024

/** A stretch of a file in memory, moved along as needed. */
class Window {
  buffer: Buffer = Buffer.alloc(0)
  start = 0
  private readonly file: JournalFile

  constructor(file: JournalFile) {
    this.file = file
  }

  /** Makes `[at, at + length)` present, as far as the file goes; returns the offset of `at` in `buffer`. */
  async load(at: number, length: number): Promise<number> {
    const end = Math.min(at + length, this.file.bytes)
    if (at >= this.start && end <= this.start + this.buffer.length) return at - this.start
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.file.bytes - at)
    const fresh = Buffer.allocUnsafeSlow(Math.max(wanted, 0))
    const read = await readAhead(this.file, fresh, at)
    this.buffer = fresh.subarray(0, read)
    this.start = at
    return 0
  }
}

/** Reads as much as there is. Less than that would be taken for the journal's end. */
async function readAhead(file: JournalFile, buffer: Buffer, at: number): Promise<number> {
  const wanted = Math.min(buffer.length, file.bytes - at)
  if (wanted <= 0) return 0
  const read = await readAt(file.handle, buffer, buffer.length, at).catch((error: Error) => {
    throw new ReadFailure(file.path, error)
  })
  if (read < wanted) throw new ReadFailure(file.path, shortRead(read, wanted))
  return read
}

/** Opens the journal's files; those that were in use come oldest first. */
async function findFiles(fileSystem: FileSystem, directory: string): Promise<FoundFile[]> {
  const found: FoundFile[] = []
  for (const name of await fileSystem.list(directory)) {
    if (!name.endsWith('.journal')) continue
    const path = `${directory}/${name}`
    const handle = await fileSystem.open(path, false)
    const bytes = await fileSystem.size(path)
    const file = { path, handle, bytes, lastLsn: 0, writtenBytes: bytes }
    const head = Buffer.alloc(BATCH_HEAD_BYTES)
    await readAhead(file, head, 0)
    const decoded = decodeBatchHead(head, 0)
    found.push({
      ...file,
      generation: decoded?.generation ?? 0,
      firstBatch: decoded?.batch ?? 0,
      firstLsn: decoded?.firstLsn ?? 0,
      isFirstLost: false,
    })
  }
  return found.sort((a, b) => a.generation - b.generation)
}

/**
 * Replays everything with a number of at least `fromLsn`. Returns the files and where to go on.
 */
export async function replayJournal(
  fileSystem: FileSystem,
  directory: string,
  fromLsn: number,
  nextBatch: number,
  sealer: Sealer | null,
  target: ReplayTarget,
): Promise<{ files: JournalFile[]; position: JournalPosition }> {
  const files = await findFiles(fileSystem, directory)
  const position: JournalPosition = { nextLsn: fromLsn, nextBatch, generation: 0, nextFile: 1 }
  for (const file of files) {
    const number = Number.parseInt(file.path.slice(file.path.lastIndexOf('/') + 1), 10)
    if (number >= position.nextFile) position.nextFile = number + 1
  }
  const used = await withFirstHeads(files)
  let isFirst = true
  for (let i = 0; i < used.length; i++) {
    const file = used[i]
    position.generation = Math.max(position.generation, file.generation)
    const next = i + 1 < used.length ? used[i + 1] : null
    if (next !== null && next.firstLsn <= fromLsn) {
      file.lastLsn = next.firstLsn - 1
      continue
    }
    if (isFirst) {
      position.nextBatch = file.isFirstLost ? file.firstBatch - 1 : file.firstBatch
      position.nextLsn = file.firstLsn
      isFirst = false
    }
    const reading = { window: new Window(file), file, next, sealer, syncedBatch: nextBatch - 1 }
    await replayFile(reading, fromLsn, position, target)
    file.lastLsn = position.nextLsn - 1
  }
  // What a process that was killed had written is read here, and may not be on the disk yet.
  const last = used.at(-1)
  if (last !== undefined) await syncFile(last.handle)
  position.nextLsn = Math.max(position.nextLsn, fromLsn)
  position.nextBatch = Math.max(position.nextBatch, nextBatch)
  return { files, position }
}

/** A file whose first head is damaged gets it from the tail of that batch, or from the first head that holds. */
async function withFirstHeads(files: FoundFile[]): Promise<FoundFile[]> {
  const used: FoundFile[] = []
  for (const file of files) {
    if (file.generation === 0) {
      // Older ones may be left from earlier uses.
      const isFirst = ({ at, head }: FoundHead) => at === BATCH_HEAD_BYTES + head.length
      const tail = await newestEnd(file, TAIL_MAGIC_BYTES, decodeBatchTail, isFirst)
      const head = await newestEnd(file, BATCH_MAGIC_BYTES, decodeBatchHead, () => true)
      // Where nothing is left of the first batch, a tail in its place is of an earlier use.
      const found = tail !== null && tail.generation >= (head?.generation ?? 0) ? tail : head
      if (found === null) continue
      file.generation = found.generation
      file.firstBatch = found.batch
      file.firstLsn = found.firstLsn
      file.isFirstLost = found !== tail
    }
    used.push(file)
  }
  return used.sort((a, b) => a.generation - b.generation)
}

/** Of the heads, or tails, that are wanted, the first of the newest use of the file that left one. */
async function newestEnd(
  file: FoundFile,
  magic: Buffer,
  decode: (from: Buffer, at: number) => BatchHead | null,
  isWanted: (found: FoundHead) => boolean,
): Promise<BatchHead | null> {
  const window = new Window(file)
  let newest: BatchHead | null = null
  for (let from = 0; ; ) {
    const generation: number = newest?.generation ?? 0
    const found = await findEnd(window, file, from, magic, decode, (head) => head.generation > generation)
    if (found === null) return newest
    if (isWanted(found)) newest = found.head
    from = found.at + 1
  }
}

/** The tail of the batch that begins at `at`, and is the one awaited there. */
async function findTailOf(
  window: Window,
  file: FoundFile,
  at: number,
  batch: number,
): Promise<BatchHead | null> {
  const { generation } = file
  const found = await findEnd(
    window,
    file,
    at,
    TAIL_MAGIC_BYTES,
    decodeBatchTail,
    (head) => head.generation === generation,
  )
  if (found === null || found.head.batch !== batch) return null
  return found.at === at + BATCH_HEAD_BYTES + found.head.length ? found.head : null
}

async function replayFile(
  reading: Reading,
  fromLsn: number,
  position: JournalPosition,
  target: ReplayTarget,
): Promise<void> {
  const { window, file, sealer } = reading
  let at = 0
  for (;;) {
    let offset = await window.load(at, BATCH_HEAD_BYTES)
    let head = decodeBatchHead(window.buffer, offset)
    const isAwaited = (found: BatchHead | null): boolean =>
      found !== null && found.generation === file.generation && found.batch === position.nextBatch
    if (!isAwaited(head)) {
      const fromTail = await findTailOf(window, file, at, position.nextBatch)
      if (fromTail !== null) {
        target.damaged(0, 0, `${file.path}: batch head at ${at}`, null)
        head = fromTail
      }
    }
    if (head === null || !isAwaited(head)) {
      const expected = position.nextBatch
      const later = await findLater(reading, at, expected)
      if (later === null || !(await hadToBeThere(reading, expected, later))) return
      // Something follows: this is damage, not the end. What can be told of it is saved.
      const bytes = later.at - at
      offset = await window.load(at, bytes)
      const firstLsn = position.nextLsn
      const count = later.head.firstLsn - firstLsn
      const left = recordsIn(
        window.buffer,
        offset + BATCH_HEAD_BYTES,
        offset + bytes,
        later.head.isSealed,
        sealer,
      )
      salvage(left, firstLsn, count, fromLsn, target, file.path)
      target.damaged(0, 0, `${file.path}: batch head at ${at}`, null)
      at = later.at
      position.nextLsn = later.head.firstLsn
      position.nextBatch = later.head.batch
      head = later.head
    }
    const records = await recordsOf(reading, at, head)
    if (!isIntact(records, head)) {
      const following = at + batchBytes(head)
      if (!(await isFollowed(reading, following, head))) return
      target.damaged(0, 0, `${file.path}: batch at ${at}`, null)
      salvage(records, head.firstLsn, head.count, fromLsn, target, file.path)
    } else applyIntact(records, head, fromLsn, target)
    position.nextBatch = head.batch + 1
    position.nextLsn = head.firstLsn + head.count
    at += batchBytes(head)
  }
}

/** Was another batch written after this one? Then this one had been whole. The damage may reach over several. */
async function isFollowed(reading: Reading, at: number, head: BatchHead): Promise<boolean> {
  const { next } = reading
  if (next !== null) return next.firstBatch > head.batch
  const later = await findLater(reading, at, head.batch)
  return later !== null && hadToBeThere(reading, head.batch, later)
}

/**
 * Was this batch durable before `later` was written? Always, where commits wait for the disk. Else when the file was left
 * for the next, or a record says so; without that it may be missing where others are there, and was the end.
 */
async function hadToBeThere(reading: Reading, batch: number, later: FoundHead): Promise<boolean> {
  const { next, syncedBatch } = reading
  // What the next file goes on from had been taken for the end before.
  if (next !== null) return next.firstBatch > batch
  if (!later.head.isRelaxed || batch <= syncedBatch) return true
  for (let found: FoundHead | null = later; found !== null; ) {
    const { at, head }: FoundHead = found
    const records = await recordsOf(reading, at, head)
    if (isIntact(records, head) && syncedBatchOf(records, head) >= batch) return true
    found = await findLater(reading, at + 1, batch)
  }
  return false
}

/** The first head from `at` on that was written in this use of the file, and after the batch. */
function findLater({ window, file }: Reading, at: number, batch: number): Promise<FoundHead | null> {
  return findHead(window, file, at, (head) => head.generation === file.generation && head.batch > batch)
}

/** The records of the batch at `at`. */
async function recordsOf({ window, sealer }: Reading, at: number, head: BatchHead): Promise<Records> {
  const start = (await window.load(at, BATCH_HEAD_BYTES + head.length)) + BATCH_HEAD_BYTES
  return recordsIn(window.buffer, start, start + head.length, head.isSealed, sealer)
}

/** Up to which batch an intact one knows the journal to be durable; 0: it says nothing. */
function syncedBatchOf({ buffer, start, end }: Records, head: BatchHead): number {
  let synced = 0
  for (let i = 0, at = start; i < head.count; i++) {
    if (buffer[at + 4] === SYNCED) synced = Math.max(synced, buffer.readDoubleLE(at + ENTRY_HEAD_BYTES))
    at += entryBytesAt(buffer, at, end)
  }
  return synced
}

/** The first head from `at` on that is accepted. */
function findHead(
  window: Window,
  file: FoundFile,
  at: number,
  accept: (head: BatchHead) => boolean,
): Promise<FoundHead | null> {
  return findEnd(window, file, at, BATCH_MAGIC_BYTES, decodeBatchHead, accept)
}

/** The first head, or tail, from `at` on that is accepted. */
async function findEnd(
  window: Window,
  file: FoundFile,
  at: number,
  magic: Buffer,
  decode: (from: Buffer, at: number) => BatchHead | null,
  accept: (head: BatchHead) => boolean,
): Promise<FoundHead | null> {
  for (let from = at; from + BATCH_HEAD_BYTES <= file.bytes; ) {
    const offset = await window.load(from, WINDOW_BYTES)
    const limit = window.buffer.length
    for (let i = offset; ; i++) {
      i = window.buffer.indexOf(magic, i)
      if (i < 0 || i + BATCH_HEAD_BYTES > limit) break
      const head = decode(window.buffer, i)
      if (head !== null && accept(head)) return { at: window.start + i, head }
    }
    const reached = window.start + limit
    if (reached >= file.bytes) return null
    from = reached - BATCH_HEAD_BYTES + 1
  }
  return null
}

/** Where records stand: `[start, end)` of a buffer that stays as it is. */
interface Records {
  buffer: Buffer
  start: number
  end: number
}

/** The records of a stretch of batches, decrypted where they are sealed: as far as there is something to tell how. */
function recordsIn(
  buffer: Buffer,
  start: number,
  end: number,
  isSealed: boolean,
  sealer: Sealer | null,
): Records {
  if (!isSealed) return { buffer, start, end }
  if (sealer === null) throw new Error('the journal is encrypted: name cipher and key')
  const parts: Buffer[] = []
  for (const { seal, start: at } of findBlocks(buffer, start, Math.min(end, buffer.length))) {
    parts.push(sealer.open(seal, buffer.subarray(at, at + seal.length)).plain)
  }
  const plain = Buffer.concat(parts)
  return { buffer: plain, start: 0, end: plain.length }
}

function isIntact({ buffer, start, end }: Records, head: BatchHead): boolean {
  if (end > buffer.length) return false
  let at = start
  let check = 0
  for (let i = 0; i < head.count; i++) {
    const bytes = entryBytesAt(buffer, at, end)
    if (bytes === 0 || !isEntryIntact(buffer, at, bytes)) return false
    at += bytes
    check = addToCheck(check, getU32(buffer, at - CHECKSUM_BYTES))
  }
  return at === end && (head.check === null || head.check === checkOf(check))
}

function applyIntact(
  { buffer, start, end }: Records,
  head: BatchHead,
  fromLsn: number,
  target: ReplayTarget,
): void {
  let at = start
  for (let i = 0; i < head.count; i++) {
    const bytes = entryBytesAt(buffer, at, end)
    if (head.firstLsn + i >= fromLsn) report(buffer, at, bytes, head.firstLsn + i, target)
    at += bytes
  }
}

/**
 * Reports the intact entries of a damaged batch of `count` records, and the damaged ones as such. Where an
 * entry's head is damaged its length isn't known: the next intact entry is searched for.
 */
function salvage(
  { buffer, start, end }: Records,
  firstLsn: number,
  count: number,
  fromLsn: number,
  target: ReplayTarget,
  path: string,
): void {
  const found: { at: number; bytes: number; isIntact: boolean; end: number }[] = []
  for (let at = start; at < end; ) {
    const bytes = entryBytesAt(buffer, at, end)
    if (bytes > 0) {
      found.push({ at, bytes, isIntact: isEntryIntact(buffer, at, bytes), end: at + bytes })
      at += bytes
      continue
    }
    const next = nextIntact(buffer, at + 1, end)
    found.push({ at, bytes: 0, isIntact: false, end: next })
    at = next
  }
  // More records than were found: they are in the first hole, and the numbers go on behind it.
  let missing = Math.max(0, count - found.length)
  let lsn = firstLsn
  for (const { at, bytes, isIntact, end: to } of found) {
    if (isIntact) {
      if (lsn >= fromLsn) report(buffer, at, bytes, lsn, target)
      lsn++
      continue
    }
    const lost = bytes === 0 ? 1 + missing : 1
    if (bytes === 0) missing = 0
    if (lsn >= fromLsn) {
      const logId = bytes === 0 ? 0 : getU32(buffer, at + 8)
      target.damaged(logId, lost, `${path}: record at ${at - start}`, buffer.subarray(at, to))
    }
    lsn += lost
  }
}

function nextIntact(buffer: Buffer, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const bytes = entryBytesAt(buffer, at, end)
    if (bytes > 0 && isEntryIntact(buffer, at, bytes)) return at
  }
  return end
}

function report(buffer: Buffer, at: number, bytes: number, lsn: number, target: ReplayTarget): void {
  const type = buffer[at + 4]
  const end = at + bytes - (type === MESSAGE ? 0 : 4)
  target.entry(type, getU32(buffer, at + 8), buffer, at + ENTRY_HEAD_BYTES, end, lsn)
}
