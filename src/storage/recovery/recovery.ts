/**
 * What happens to a store's files before anything is appended: the folder is locked, the logs are restored as their files
 * have them, and what only the journal has is replayed.
 */
import type { FileSystem } from '../../ports/index.ts'
import type { CheckpointDocument } from '../checkpoint/checkpointer.ts'
import { readDocumentOrCopy } from '../files/document.ts'
import type { Reserve } from '../files/reserve.ts'
import { sideBySide } from '../files/side-by-side.ts'
import { ENTRY_OVERHEAD_BYTES } from '../format/journal-format.ts'
import type { JournalFile, JournalPosition } from '../journal/journal.ts'
import { replayJournal } from '../journal/journal-reader.ts'
import type { LogCatalog } from '../log/log-catalog.ts'
import type { LogFiles } from '../log/log-files.ts'
import { type LogState, restoreState } from '../log/log-state.ts'
import type { DamagedBytes } from '../log/lost-records.ts'
import { MessageLog } from '../log/message-log.ts'
import {
  type Encryption,
  endConverting,
  keepStoreDocument,
  openSealing,
  type Sealing,
} from '../sealing/index.ts'
import { Replay, type ReplayHost } from './replay.ts'

export interface RecoveryOptions {
  directory: string
  fileSystem: FileSystem
  encryption?: Encryption | undefined
  log?: ((level: 'error' | 'info' | 'warn', text: string) => void) | undefined
  onDamaged?: ((damaged: DamagedBytes) => void) | undefined
}

/** What recovery needs of the store. */
export interface RecoveryHost extends ReplayHost {
  readonly catalog: LogCatalog
  /** The journal was read, and goes on here. So many bytes were replayed. */
  goOn(sealing: Sealing | null, files: JournalFile[], position: JournalPosition, replayedBytes: number): void
  /** All that is appended is in the logs' files, and no journal file holds anything else. */
  carryAllOver(): Promise<void>
  /** Room for housekeeping could not be made. */
  failedOrShort(error: Error): void
}

/** Logs whose files are read side by side. */
const RESTORED_AT_A_TIME = 16

export class Recovery {
  /** Logs whose files are being read: what is found damaged in them is not in their counts yet. */
  readonly restoring = new Set<MessageLog>()
  private readonly options: RecoveryOptions
  private readonly host: RecoveryHost
  private readonly catalog: LogCatalog
  private readonly files: LogFiles
  private readonly reserve: Reserve

  constructor(options: RecoveryOptions, host: RecoveryHost, files: LogFiles, reserve: Reserve) {
    this.options = options
    this.host = host
    this.catalog = host.catalog
    this.files = files
    this.reserve = reserve
  }

  /** Makes the folder this process's; returns what gives it back. */
  async lock(): Promise<() => Promise<void>> {
    const { fileSystem, directory } = this.options
    try {
      await fileSystem.makeDirectory(directory)
      // A file of a few bytes, for which there may be no room.
      return await this.reserve.lending(this.reserve.documentBytes, () =>
        fileSystem.lock(`${directory}/lock`),
      )
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw error
      throw new Error(
        `${directory}: not writable (${code}); give this user the permission, or use another directory`,
        { cause: error },
      )
    }
  }

  /** @throws Error when the folder is of a newer format, or encrypted otherwise */
  async run(): Promise<void> {
    const { fileSystem: raw, directory, encryption } = this.options
    await raw.makeDirectory(`${directory}/journal`)
    await raw.makeDirectory(`${directory}/logs`)
    const sealing = await openSealing(raw, directory, encryption, (text) => this.host.warn(text))
    if (sealing !== null) this.files.fileSystem = sealing.fileSystem
    const checkpoint = await this.readDocument<CheckpointDocument>(`${directory}/checkpoint.json`)
    this.catalog.nextId = checkpoint?.nextLogId ?? 1
    const lsn = checkpoint?.lsn ?? 0
    for (const id of checkpoint?.deletedLogs ?? []) this.host.forgotten(id)
    const lsns = await this.restoreLogs(directory, lsn, new Set(checkpoint?.deletedLogs))
    await this.replay(sealing, lsn, checkpoint?.nextBatch ?? 1, lsns)
    // Deleted before another of its name was made, by a record that is not in the journal any more.
    for (const log of this.catalog.nameless()) this.host.forget(log)
    await this.reserve.make().catch((error: Error) => this.host.failedOrShort(error))
    if (sealing === null)
      await this.reserve.lending(this.reserve.documentBytes, () => keepStoreDocument(raw, directory))
    else if (sealing.isConverting) {
      // What the journal had is in the logs' files, sealed, and its own files go.
      await this.host.carryAllOver()
      await endConverting(raw, directory)
    }
  }

  /** The logs as their files have them; returns for each the journal record from which on something is missing. */
  private async restoreLogs(
    directory: string,
    checkpointLsn: number,
    deleted: ReadonlySet<number>,
  ): Promise<Map<number, number>> {
    const { catalog, files } = this
    const lsns = new Map<number, number>()
    const ids: number[] = []
    for (const name of await files.fileSystem.list(`${directory}/logs`)) {
      if (!/^\d+$/.test(name)) continue
      const id = Number(name)
      catalog.nextId = Math.max(catalog.nextId, id + 1)
      if (!deleted.has(id)) ids.push(id)
    }
    const restore = async (id: number): Promise<void> => {
      const lsn = await this.restoreLog(id, checkpointLsn)
      if (lsn !== null) lsns.set(id, lsn)
    }
    await sideBySide(ids, RESTORED_AT_A_TIME, restore)
    // So may folders that it had removed.
    await files.fileSystem.syncDirectory(`${directory}/logs`)
    return lsns
  }

  /** Null: there is no such log. */
  private async restoreLog(id: number, checkpointLsn: number): Promise<number | null> {
    const { catalog, files } = this
    let isDamaged = false
    const state = await this.readDocument<LogState>(`${files.folder(id)}/state.json`, () => {
      isDamaged = true
    })
    if (state === null) return null
    const log = new MessageLog(this.host, id, state.name, state.meta, false, state.createdMs)
    catalog.add(log)
    // Written anew with the next checkpoint.
    if (isDamaged) this.host.replayed(log)
    // Of a checkpoint in which the process before was killed: its rename may not be on the disk, and is built upon from here.
    if (state.lsn > checkpointLsn) await files.fileSystem.syncDirectory(files.folder(id))
    this.restoring.add(log)
    await restoreState(log, state, this.host, files.fileSystem, (segment) => files.indexPath(segment), null)
    await files.removeLeftovers(log)
    this.restoring.delete(log)
    // Not packed yet when the process before ended.
    if (log.segments.some((segment) => log.isToPack(segment))) this.host.segmentSparse(log)
    // What came before the checkpoint is in the state, however old that is: files of the journal from then may be half
    // overwritten. Of a copy, which may lack something, as much is made up for as the journal still has.
    return isDamaged ? state.lsn : Math.max(state.lsn, checkpointLsn)
  }

  private async replay(
    sealing: Sealing | null,
    fromLsn: number,
    nextBatch: number,
    lsns: ReadonlyMap<number, number>,
  ): Promise<void> {
    const { fileSystem, directory } = this.options
    const replay = new Replay(this.host)
    let bytes = 0
    const { files, position } = await replayJournal(
      fileSystem,
      `${directory}/journal`,
      smallest(lsns.values(), fromLsn),
      nextBatch,
      sealing?.sealer ?? null,
      {
        entry: (type, logId, buffer, start, end, lsn) => {
          if (lsn < (lsns.get(logId) ?? fromLsn)) return
          bytes += ENTRY_OVERHEAD_BYTES + end - start
          replay.record(type, logId, buffer, start, end)
        },
        damaged: (logId, count, where, damaged) => this.journalDamaged(replay, logId, count, where, damaged),
      },
    )
    this.host.goOn(sealing, files, position, bytes)
  }

  private journalDamaged(
    replay: Replay,
    logId: number,
    count: number,
    where: string,
    bytes: Buffer | null,
  ): void {
    this.host.warn(`journal: ${count} damaged record(s), ${where}`)
    const log = this.catalog.get(logId)
    if (log !== undefined) replay.damaged(log, count)
    if (bytes === null) return
    this.options.onDamaged?.({ log: log?.name ?? '', sequences: [], where, bytes: Buffer.from(bytes) })
  }

  /** A document, or the copy of it when it is damaged. */
  private readDocument<T>(path: string, onDamage: () => void = () => {}): Promise<T | null> {
    return readDocumentOrCopy<T>(this.files.fileSystem, path, (outcome) => {
      onDamage()
      this.options.log?.('error', `${path}: damaged; ${outcome}`)
    })
  }
}

function smallest(values: Iterable<number>, most: number): number {
  let least = most
  for (const value of values) if (value < least) least = value
  return least
}
