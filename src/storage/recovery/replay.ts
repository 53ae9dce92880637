/** Replay: what each record of the journal did to the logs, once more. */

import { subjectFilter } from '../../subjects/filter.ts'
import { getU32 } from '../format/bytes.ts'
import * as format from '../format/journal-format.ts'
import { RecordView, viewRecord } from '../format/record.ts'
import type { Json } from '../journal/json-records.ts'
import { Ledger } from '../log/ledger.ts'
import type { LogCatalog } from '../log/log-catalog.ts'
import type { LogHost } from '../log/log-contents.ts'
import { MessageLog } from '../log/message-log.ts'

/** What replay needs of the store. */
export interface ReplayHost extends LogHost {
  readonly catalog: LogCatalog
  /** The log is not as its files have it. */
  replayed(log: MessageLog): void
  /** The log was deleted. */
  forget(log: MessageLog): void
  /** So was one that is not known any more: of its files something may be left. */
  forgotten(logId: number): void
}

/** Sequences of lost messages that are named at most, where a gap shows that they are. */
const MOST_NAMED = 1024

export class Replay {
  private readonly host: ReplayHost
  private readonly view = new RecordView()
  /** Damaged records of a log since its last message: what explains a gap in front of the next. */
  private readonly lost = new Map<MessageLog, number>()

  constructor(host: ReplayHost) {
    this.host = host
  }

  /** Records of this log are damaged. */
  damaged(log: MessageLog, count: number): void {
    log.lost.count += count
    this.lost.set(log, (this.lost.get(log) ?? 0) + count)
  }

  /** Applies the record with the payload `[start, end)`. */
  record(type: number, logId: number, buffer: Buffer, start: number, end: number): void {
    const { host } = this
    const json = <T>(): T => JSON.parse(buffer.toString('utf8', start, end)) as T
    if (type === format.LOG_CREATE) {
      if (host.catalog.get(logId) !== undefined) return
      const { name, meta, createdMs } = json<{ name: string; meta: Json; createdMs: number }>()
      const log = new MessageLog(host, logId, name, meta, false, createdMs)
      host.catalog.add(log)
      host.replayed(log)
      return
    }
    const log = host.catalog.get(logId)
    if (log === undefined) {
      if (type === format.LOG_DELETE) host.forgotten(logId)
      return
    }
    host.replayed(log)
    switch (type) {
      case format.MESSAGE:
        this.message(log, buffer, start, end)
        break
      case format.REMOVE:
        log.applyRemove(buffer.readDoubleLE(start))
        break
      case format.REMOVE_THROUGH:
        log.applyRemoveThrough(buffer.readDoubleLE(start))
        break
      case format.SKIP_TO:
        log.applySkip(buffer.readDoubleLE(start), getU32(buffer, start + 8), getU32(buffer, start + 12))
        log.committedSeq = log.lastSeq
        break
      case format.PURGE:
        this.purge(log, json())
        break
      case format.LOG_META:
        log.meta = json()
        break
      case format.LOG_DELETE:
        host.forget(log)
        break
      case format.LEDGER_CREATE: {
        const { id, name, meta } = json<{ id: number; name: string; meta: Json }>()
        if (log.ledgers.ofId(id) !== undefined) break
        const ledger = new Ledger(log, null, id, name, meta)
        ledger.recovered = { snapshot: null, entries: [] }
        log.ledgers.set(name, ledger)
        log.nextLedgerId = Math.max(log.nextLedgerId, id + 1)
        break
      }
      case format.LEDGER_META: {
        const { id, meta } = json<{ id: number; meta: Json }>()
        const ledger = log.ledgers.ofId(id)
        if (ledger !== undefined) ledger.meta = meta
        break
      }
      case format.LEDGER_ENTRY:
        log.ledgers
          .ofId(getU32(buffer, start))
          ?.recovered?.entries.push(Buffer.from(buffer.subarray(start + 4, end)))
        break
      case format.LEDGER_DELETE: {
        const ledger = log.ledgers.ofId(json<{ id: number }>().id)
        if (ledger !== undefined) log.ledgers.delete(ledger.name)
        break
      }
      case format.ERASE:
        log.toBeErased(buffer.readDoubleLE(start))
        break
      case format.PADDING:
      case format.SYNCED:
        break
      default:
        host.warn(`journal: record of unknown type ${type}`)
    }
  }

  private message(log: MessageLog, buffer: Buffer, start: number, end: number): void {
    const { view } = this
    if (!viewRecord(view, buffer, start, end - start) || view.seq <= log.lastSeq) return
    const gap = view.seq - log.lastSeq - 1
    if (gap > 0) {
      // Records are missing of which not even this was known.
      log.lost.count += Math.max(0, gap - (this.lost.get(log) ?? 0))
      for (let i = 0; i < Math.min(gap, MOST_NAMED); i++) log.lost.name(log.lastSeq + 1 + i)
      log.applySkip(view.seq, 0, 0)
    }
    if (this.lost.size > 0) this.lost.delete(log)
    log.appendEncoded(buffer, start, end, view)
  }

  private purge(log: MessageLog, json: { patterns: string[] | null; upToSeq: number; keep: number }): void {
    const filter = json.patterns === null ? null : subjectFilter(json.patterns)
    log.purge(filter, json.upToSeq, json.keep)
  }
}
