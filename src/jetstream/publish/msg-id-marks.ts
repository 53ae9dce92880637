import { type Ledger, type MessageLog, RecordView } from '../../storage/index.ts'
import { readRecord } from '../read-record.ts'
import { MSG_ID, PublishHeaders } from './headers.ts'
import type { Ingest } from './ingest.ts'

/** Ledgers of the stream itself begin with a dot: consumers can't be called so. */
const LEDGER_NAME = '.msg-ids'
/** A mark is written this often while messages with ids come. */
const MARK_EVERY_MS = 1000

/**
 * Remembers, roughly, when the last message with an id was stored. After a restart only streams that had one within
 * the duplicate window have their messages read again.
 */
export class MsgIdMarks {
  private readonly log: MessageLog
  private ledger: Ledger | null = null
  private lastMarkMs = 0
  private readonly entry = Buffer.alloc(8)

  constructor(log: MessageLog) {
    this.log = log
  }

  /** A message with an id was stored now. */
  note(nowMs: number): void {
    if (this.log.inMemory || nowMs - this.lastMarkMs < MARK_EVERY_MS) return
    this.lastMarkMs = nowMs
    if (this.ledger === null) this.use(this.log.createLedger(LEDGER_NAME, {}))
    this.entry.writeDoubleLE(nowMs)
    this.ledger?.append(this.entry, 0, this.entry.length, false)
  }

  /** Reads the ids of the messages within the window back from the log. */
  async recover(ingest: Ingest, nowMs: number): Promise<void> {
    const ledger = this.log.ledgers.get(LEDGER_NAME)
    if (ledger === undefined) return
    const marks = [...(ledger.recovered?.entries ?? [])]
    const snapshot = ledger.recovered?.snapshot
    if (snapshot) marks.push(snapshot)
    ledger.recovered = null
    for (const mark of marks) {
      if (mark.length === 8) this.lastMarkMs = Math.max(this.lastMarkMs, mark.readDoubleLE())
    }
    this.use(ledger)
    const sinceMs = nowMs - ingest.duplicates.windowMs
    if (this.lastMarkMs + MARK_EVERY_MS < sinceMs) return
    const sec = Math.floor(sinceMs / 1000)
    const view = new RecordView()
    const headers = new PublishHeaders()
    let isLast = false
    for (
      let seq = this.log.next(null, this.log.seqAtTime(sec, Math.floor((sinceMs - sec * 1000) * 1e6)));
      seq > 0;
      seq = this.log.next(null, seq + 1)
    ) {
      const found = readRecord(this.log, seq, view)
      if (found !== true && !(await found)) continue
      isLast = false
      if (view.headerLength === 0) continue
      headers.parse(view.buffer, view.bodyStart, view.bodyStart + view.headerLength)
      if (!headers.has(MSG_ID)) continue
      const start = headers.start(MSG_ID)
      const end = headers.end(MSG_ID)
      ingest.duplicates.add(view.buffer, start, end, seq, view.sec * 1000 + view.nsec / 1e6)
      ingest.lastMsgId = Buffer.from(view.buffer.subarray(start, end))
      isLast = true
    }
    if (!isLast) ingest.lastMsgId = Buffer.alloc(0)
  }

  private use(ledger: Ledger): void {
    this.ledger = ledger
    ledger.snapshot = () => {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleLE(this.lastMarkMs)
      return bytes
    }
  }
}
