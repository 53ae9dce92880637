import { type Json, type MessageLog, ReadFailure, RecordView, type Store } from '../../storage/index.ts'
import { copyBytes } from '../../wire/index.ts'
import { MSG_ID, PublishHeaders } from '../headers/publish-headers.ts'
import { readRecord } from '../stream/read-record.ts'
import type { DuplicateWindow } from './duplicates.ts'

/** Logs of ids are called so: streams can't have a slash in their names. */
const FOLDER = '/.msg-ids/'
/** Of the stream, where an older version wrote it. */
const OLD_LEDGER = '.msg-ids'
const FIRST_BYTES = 1024
/** Larger ones are not kept for the next turn. */
const KEPT_BYTES = 64 * 1024
/** A record is no longer than about this. */
const RECORD_BYTES = 256 * 1024
/** What is older than the window is removed this often. */
const EXPIRE_EVERY_MS = 1000
/** Before each id: its length, the sequence of its message, and the time in milliseconds (2, 6 and 6 bytes). */
const HEAD_BYTES = 14
const SUBJECT = Buffer.from('id')

/** Does the log keep the ids of a stream's messages? Then the name of that stream's log. */
export function streamOfIds(name: string): string | null {
  const at = name.lastIndexOf(FOLDER)
  return at < 0 ? null : `${name.slice(0, at)}/${name.slice(at + FOLDER.length)}`
}

/** The account of a stream, by the name of its log. */
export function accountOfLog(name: string): string {
  return name.slice(0, name.lastIndexOf('/'))
}

/**
 * The ids of the duplicate window on disk, in a log of their own: they outlive their messages, whatever removes those. The
 * ids of a turn are one record, committed together with the messages; it goes when it is older than the window.
 */
export class MsgIdLog {
  private readonly store: Store
  /** Whose ids they are. */
  private readonly stream: MessageLog
  private readonly name: string
  private readonly isOn: boolean
  private log: MessageLog | null
  private buffer = Buffer.allocUnsafeSlow(0)
  private length = 0
  private expiredMs = 0

  constructor(store: Store, stream: MessageLog) {
    this.store = store
    this.stream = stream
    this.isOn = !stream.inMemory
    const slash = stream.name.lastIndexOf('/')
    this.name = `${stream.name.slice(0, slash)}${FOLDER}${stream.name.slice(slash + 1)}`
    this.log = store.logs.get(this.name) ?? null
  }

  get isEmpty(): boolean {
    return this.length === 0
  }

  /** A message with the id `[start, end)` was stored. True when it is the first of the turn: `flush` is to follow. */
  add(bytes: Buffer, start: number, end: number, seq: number, nowMs: number): boolean {
    if (!this.isOn) return false
    const isFirst = this.length === 0
    const needed = this.length + HEAD_BYTES + end - start
    if (needed > RECORD_BYTES) this.flush(nowMs)
    if (this.length + HEAD_BYTES + end - start > this.buffer.length) this.grow(HEAD_BYTES + end - start)
    const { buffer } = this
    let at = buffer.writeUInt16LE(end - start, this.length)
    at = buffer.writeUIntLE(seq, at, 6)
    at = buffer.writeUIntLE(Math.ceil(nowMs), at, 6)
    this.length = copyBytes(bytes, start, end, buffer, at)
    return isFirst
  }

  /** Before the commit of what was added. `windowMs`: records older than that go, now and then. */
  flush(nowMs: number, windowMs = Infinity): void {
    if (this.length === 0) return
    this.log ??= this.store.createLog(this.name, {} as Json, { inMemory: false })
    const { log, buffer } = this
    let sec = Math.floor(nowMs / 1000)
    let nsec = ((nowMs - sec * 1000) * 1e6) | 0
    if (sec < log.lastSec || (sec === log.lastSec && nsec < log.lastNsec)) {
      sec = log.lastSec
      nsec = log.lastNsec
    }
    log.append(SUBJECT, 0, SUBJECT.length, buffer, 0, 0, this.length, sec, nsec)
    this.length = 0
    if (buffer.length > KEPT_BYTES) this.buffer = Buffer.allocUnsafeSlow(0)
    if (nowMs - this.expiredMs < EXPIRE_EVERY_MS) return
    this.expiredMs = nowMs
    try {
      this.expire(log, nowMs - windowMs)
    } catch (error) {
      // What can't be read now goes the next time.
      if (!(error instanceof ReadFailure)) throw error
    }
  }

  /** Takes the ids of the window into memory after a start; returns the id of message `lastSeq`, empty when it has none. */
  async recover(window: DuplicateWindow, lastSeq: number, nowMs: number): Promise<Buffer> {
    const { log } = this
    let lastId = Buffer.alloc(0)
    const oldestMs = nowMs - window.windowMs
    if (log === null) return this.takeOver(window, oldestMs)
    this.expire(log, oldestMs)
    const view = new RecordView()
    for (let seq = log.next(null, log.firstSeq); seq > 0; seq = log.next(null, seq + 1)) {
      const found = readRecord(log, seq, view)
      if (found !== true && !(await found)) continue
      const { buffer, bodyEnd } = view
      for (let at = view.bodyStart; at + HEAD_BYTES <= bodyEnd; ) {
        const start = at + HEAD_BYTES
        const end = start + buffer.readUInt16LE(at)
        const messageSeq = buffer.readUIntLE(at + 2, 6)
        const timeMs = buffer.readUIntLE(at + 8, 6)
        if (timeMs >= oldestMs) window.add(buffer, start, end, messageSeq, timeMs)
        if (messageSeq === lastSeq) lastId = Buffer.from(buffer.subarray(start, end))
        at = end
      }
    }
    return lastId
  }

  /** An older version kept the ids in the messages only: they are taken from there, once. */
  private async takeOver(window: DuplicateWindow, oldestMs: number): Promise<Buffer> {
    let lastId = Buffer.alloc(0)
    const { stream } = this
    const ledger = stream.ledgers.get(OLD_LEDGER)
    if (ledger === undefined) return lastId
    const view = new RecordView()
    const headers = new PublishHeaders()
    const sec = Math.floor(oldestMs / 1000)
    const first = stream.seqAtTime(sec, Math.floor((oldestMs - sec * 1000) * 1e6))
    for (let seq = stream.next(null, first); seq > 0; seq = stream.next(null, seq + 1)) {
      if (!(await isReadable(stream, seq, view)) || view.headerLength === 0) continue
      headers.parse(view.buffer, view.bodyStart, view.bodyStart + view.headerLength)
      if (!headers.has(MSG_ID)) continue
      const [start, end] = [headers.start(MSG_ID), headers.end(MSG_ID)]
      const timeMs = view.sec * 1000 + view.nsec / 1e6
      window.add(view.buffer, start, end, seq, timeMs)
      this.add(view.buffer, start, end, seq, timeMs)
      if (seq === stream.lastSeq) lastId = Buffer.from(view.buffer.subarray(start, end))
    }
    ledger.delete()
    return lastId
  }

  delete(): void {
    this.length = 0
    if (this.log !== null) this.store.deleteLog(this.log)
    this.log = null
  }

  private expire(log: MessageLog, oldestMs: number): void {
    if (!(oldestMs > 0)) return
    const sec = Math.floor(oldestMs / 1000)
    const first = log.seqAtTime(sec, Math.floor((oldestMs - sec * 1000) * 1e6))
    log.removeThrough(first - 1)
  }

  private grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, this.buffer.length * 2, this.length + bytes))
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }
}

/** Whether or not it can be read now: what can't is no reason not to open. */
async function isReadable(log: MessageLog, seq: number, out: RecordView): Promise<boolean> {
  try {
    const found = readRecord(log, seq, out)
    return found === true || (await found)
  } catch (error) {
    if (error instanceof ReadFailure) return false
    throw error
  }
}
