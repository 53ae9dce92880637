/**
 * Reads what the journal holds, in order: complete batches only. A torn last batch is dropped whole, since
 * nothing of it was acknowledged; a damaged record that others follow is skipped alone and reported.
 */
import type { FileSystem } from '../ports/index.ts'
import type { JournalFile, JournalPosition } from './journal.ts'
import {
  BATCH_HEAD_BYTES,
  BATCH_MAGIC_BYTES,
  type BatchHead,
  decodeBatchHead,
  ENTRY_HEAD_BYTES,
  entryBytesAt,
  isEntryIntact,
  MESSAGE,
} from './journal-format.ts'
import { getU32 } from './record.ts'

export interface ReplayTarget {
  /** An intact record: payload `[start, end)` of `buffer`, valid during the call. */
  entry(type: number, logId: number, buffer: Buffer, start: number, end: number, lsn: number): void
  /** Records that are damaged; `logId` 0 when it isn't known. */
  damaged(logId: number, count: number, where: string): void
}

interface FoundFile extends JournalFile {
  generation: number
  firstBatch: number
  firstLsn: number
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
    const read = await readAt(this.file, fresh, at)
    this.buffer = fresh.subarray(0, read)
    this.start = at
    return 0
  }
}

function readAt(file: JournalFile, buffer: Buffer, at: number): Promise<number> {
  if (buffer.length === 0) return Promise.resolve(0)
  return new Promise((resolve, reject) =>
    file.handle.read(buffer, 0, buffer.length, at, (error, read) =>
      error === null ? resolve(read) : reject(error),
    ),
  )
}

/** Opens the journal's files; those that were in use come oldest first. */
async function findFiles(fileSystem: FileSystem, directory: string): Promise<FoundFile[]> {
  const found: FoundFile[] = []
  for (const name of await fileSystem.list(directory)) {
    if (!name.endsWith('.journal')) continue
    const path = `${directory}/${name}`
    const handle = await fileSystem.open(path, false)
    const file = { path, handle, bytes: await fileSystem.size(path), lastLsn: 0 }
    const head = Buffer.alloc(BATCH_HEAD_BYTES)
    await readAt(file, head, 0)
    const decoded = decodeBatchHead(head, 0)
    found.push({
      ...file,
      generation: decoded?.generation ?? 0,
      firstBatch: decoded?.batch ?? 0,
      firstLsn: decoded?.firstLsn ?? 0,
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
      position.nextBatch = file.firstBatch
      position.nextLsn = file.firstLsn
      isFirst = false
    }
    await replayFile(file, next, fromLsn, position, target)
    file.lastLsn = position.nextLsn - 1
  }
  position.nextLsn = Math.max(position.nextLsn, fromLsn)
  position.nextBatch = Math.max(position.nextBatch, nextBatch)
  return { files, position }
}

/** A file whose first head is damaged gets it from the first one that holds. */
async function withFirstHeads(files: FoundFile[]): Promise<FoundFile[]> {
  const used: FoundFile[] = []
  for (const file of files) {
    if (file.generation === 0) {
      const found = await findHead(new Window(file), file, 0, (head) => head.generation > 0)
      if (found === null) continue
      file.generation = found.head.generation
      file.firstBatch = found.head.batch
      file.firstLsn = found.head.firstLsn
    }
    used.push(file)
  }
  return used.sort((a, b) => a.generation - b.generation)
}

async function replayFile(
  file: FoundFile,
  next: FoundFile | null,
  fromLsn: number,
  position: JournalPosition,
  target: ReplayTarget,
): Promise<void> {
  const window = new Window(file)
  let at = 0
  for (;;) {
    let offset = await window.load(at, BATCH_HEAD_BYTES)
    let head = decodeBatchHead(window.buffer, offset)
    if (head === null || head.generation !== file.generation || head.batch !== position.nextBatch) {
      const expected = position.nextBatch
      const later = await findHead(
        window,
        file,
        at,
        (h) => h.generation === file.generation && h.batch > expected,
      )
      if (later === null) return
      // Something follows: this is damage, not the end. What can be told of it is saved.
      const bytes = later.at - at
      offset = await window.load(at, bytes)
      const firstLsn = position.nextLsn
      const start = offset + BATCH_HEAD_BYTES
      const count = later.head.firstLsn - firstLsn
      salvage(window.buffer, start, offset + bytes, firstLsn, count, fromLsn, target, file.path)
      target.damaged(0, 0, `${file.path}: batch head at ${at}`)
      at = later.at
      position.nextLsn = later.head.firstLsn
      position.nextBatch = later.head.batch
      head = later.head
    }
    offset = await window.load(at, BATCH_HEAD_BYTES + head.length)
    const end = offset + BATCH_HEAD_BYTES + head.length
    if (!isIntact(window.buffer, offset, end, head)) {
      const following = at + BATCH_HEAD_BYTES + head.length
      if (!(await isFollowed(window, file, next, following, head))) return
      offset = await window.load(at, BATCH_HEAD_BYTES + head.length)
      const start = offset + BATCH_HEAD_BYTES
      salvage(
        window.buffer,
        start,
        start + head.length,
        head.firstLsn,
        head.count,
        fromLsn,
        target,
        file.path,
      )
    } else applyIntact(window.buffer, offset + BATCH_HEAD_BYTES, end, head, fromLsn, target)
    position.nextBatch = head.batch + 1
    position.nextLsn = head.firstLsn + head.count
    at += BATCH_HEAD_BYTES + head.length
  }
}

/** Was another batch written after this one? Then this one had been whole. The damage may reach over several. */
async function isFollowed(
  window: Window,
  file: FoundFile,
  next: FoundFile | null,
  at: number,
  head: BatchHead,
): Promise<boolean> {
  if (next !== null && next.firstBatch > head.batch) return true
  const isLater = (found: BatchHead) => found.generation === head.generation && found.batch > head.batch
  return (await findHead(window, file, at, isLater)) !== null
}

/** The first head from `at` on that is accepted. */
async function findHead(
  window: Window,
  file: FoundFile,
  at: number,
  accept: (head: BatchHead) => boolean,
): Promise<{ at: number; head: BatchHead } | null> {
  for (let from = at; from + BATCH_HEAD_BYTES <= file.bytes; ) {
    const offset = await window.load(from, WINDOW_BYTES)
    const limit = window.buffer.length
    for (let i = offset; ; i++) {
      i = window.buffer.indexOf(BATCH_MAGIC_BYTES, i)
      if (i < 0 || i + BATCH_HEAD_BYTES > limit) break
      const head = decodeBatchHead(window.buffer, i)
      if (head !== null && accept(head)) return { at: window.start + i, head }
    }
    const reached = window.start + limit
    if (reached >= file.bytes) return null
    from = reached - BATCH_HEAD_BYTES + 1
  }
  return null
}

function isIntact(buffer: Buffer, offset: number, end: number, head: BatchHead): boolean {
  if (end > buffer.length) return false
  let at = offset + BATCH_HEAD_BYTES
  for (let i = 0; i < head.count; i++) {
    const bytes = entryBytesAt(buffer, at, end)
    if (bytes === 0 || !isEntryIntact(buffer, at, bytes)) return false
    at += bytes
  }
  return at === end
}

function applyIntact(
  buffer: Buffer,
  start: number,
  end: number,
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
  buffer: Buffer,
  start: number,
  end: number,
  firstLsn: number,
  count: number,
  fromLsn: number,
  target: ReplayTarget,
  path: string,
): void {
  const found: { at: number; bytes: number; isIntact: boolean }[] = []
  for (let at = start; at < end; ) {
    const bytes = entryBytesAt(buffer, at, end)
    if (bytes > 0) {
      found.push({ at, bytes, isIntact: isEntryIntact(buffer, at, bytes) })
      at += bytes
      continue
    }
    found.push({ at, bytes: 0, isIntact: false })
    at = nextIntact(buffer, at + 1, end)
  }
  // More records than were found: they are in the first hole, and the numbers go on behind it.
  let missing = Math.max(0, count - found.length)
  let lsn = firstLsn
  for (const { at, bytes, isIntact } of found) {
    if (isIntact) {
      if (lsn >= fromLsn) report(buffer, at, bytes, lsn, target)
      lsn++
      continue
    }
    const lost = bytes === 0 ? 1 + missing : 1
    if (bytes === 0) missing = 0
    if (lsn >= fromLsn)
      target.damaged(bytes === 0 ? 0 : getU32(buffer, at + 8), lost, `${path}: record at ${at - start}`)
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
