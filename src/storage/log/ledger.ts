import { putU32 } from '../format/bytes.ts'
import { LEDGER_DELETE, LEDGER_ENTRY, LEDGER_META } from '../format/journal-format.ts'
import type { Journal } from '../journal/journal.ts'
import { appendJson, type Json } from '../journal/json-records.ts'

/** What a ledger needs of its log. */
export interface LedgerLog {
  readonly id: number
  readonly ledgers: { delete(name: string): boolean }
  /** It has something that the last checkpoint lacks. */
  touch(): void
}

/**
 * The durable state of something that reads a log (a consumer): a snapshot of it and the entries since. What
 * they mean is its owner's business.
 */
export class Ledger {
  readonly id: number
  readonly name: string
  meta: Json
  /** Asked at a checkpoint for the whole state; entries before it are forgotten then. */
  snapshot: (() => Buffer) | null = null
  /** Told before that: what the owner has decided and not done yet is done now. */
  beforeCapture: (() => void) | null = null
  /** After the store was opened: what the owner takes over. */
  recovered: { snapshot: Buffer | null; entries: Buffer[] } | null = null
  private readonly log: LedgerLog
  private journal: Journal | null

  constructor(log: LedgerLog, journal: Journal | null, id: number, name: string, meta: Json) {
    this.log = log
    this.journal = journal
    this.id = id
    this.name = name
    this.meta = meta
  }

  /** After recovery: what is appended from now on goes to this journal. */
  attach(journal: Journal): void {
    this.journal = journal
  }

  setMeta(meta: Json): void {
    this.meta = meta
    if (this.journal === null) return
    this.log.touch()
    appendJson(this.journal, LEDGER_META, this.log.id, { id: this.id, meta })
  }

  /** Adds a copy of `[start, end)`. Without urgency it rides along with the next commit. */
  append(buffer: Buffer, start: number, end: number, urgent: boolean): void {
    if (this.journal === null) return
    const at = this.journal.begin(LEDGER_ENTRY, this.log.id, 4 + end - start)
    putU32(this.journal.buffer, at, this.id)
    buffer.copy(this.journal.buffer, at + 4, start, end)
    this.log.touch()
    this.journal.end(urgent)
  }

  delete(): void {
    if (!this.log.ledgers.delete(this.name) || this.journal === null) return
    this.log.touch()
    appendJson(this.journal, LEDGER_DELETE, this.log.id, { id: this.id })
  }
}
