import type { Bus } from '../core/index.ts'
import { JetStreamAccount } from './account/account.ts'
import { Stream } from './account/stream.ts'
import { Api } from './api/dispatch.ts'
import { type AccountTiers, checkSufficient, UNLIMITED } from './config/account-limits.ts'
import { Consumer } from './consumer/consumer.ts'
import { accountOfLog, streamOfIds } from './publish/msg-id-log.ts'
import { type Log, StoreWatch } from './store-watch.ts'
import { StreamHost, type StreamHostOptions } from './stream/host.ts'
import type { StreamMeta } from './stream/stream-log.ts'

export interface JetStreamOptions extends StreamHostOptions {
  log?: Log
  /** Accounts with JetStream. Default: `$G`. */
  accounts?: readonly JetStreamAccountOptions[]
  /** Other accounts may be enabled later. Default: false. */
  accountsCome?: boolean
}

/** An account with JetStream. */
export interface JetStreamAccountOptions {
  readonly name: string
  /** Default: none but those of the server. */
  readonly tiers?: AccountTiers
}

/** What the server's monitoring shows. Sizes are bytes. */
export interface JetStreamStats {
  memory: number
  storage: number
  reservedMemory: number
  reservedStorage: number
  accounts: number
  streams: number
  consumers: number
  messages: number
  messageBytes: number
  apiTotal: number
  apiErrors: number
}

/** What pull requests that wait are told when the server stops. */
const SHUTDOWN_STATUS = '409 Server Shutdown'

/** JetStream of one server: its accounts, and what they share with the store. */
export class JetStream {
  readonly host: StreamHost
  readonly accounts = new Map<string, JetStreamAccount>()
  /** Accounts that could have JetStream, and have none. */
  private readonly refusing = new Map<string, JetStreamAccount>()
  isClosed = false
  private readonly log: Log
  private readonly watch: StoreWatch

  /** Opens JetStream on a store: recovers its streams and consumers and begins to answer. */
  static async open(options: JetStreamOptions): Promise<JetStream> {
    const js = new JetStream(options)
    const accounts = options.accounts ?? [{ name: '$G' }]
    checkSufficient(
      accounts.map(({ tiers = UNLIMITED }) => tiers),
      js.host,
    )
    for (const { name, tiers } of accounts) js.addAccount(name, tiers)
    js.connect()
    js.tidy()
    await js.recover(js.accounts)
    if (options.accountsCome !== true) js.tellClosed()
    for (const account of js.accounts.values()) account.open(new Api(account))
    return js
  }

  /** Names of the accounts that have streams on the disk. */
  storedAccounts(): Set<string> {
    const names = [...this.host.store.logs.keys()].filter((name) => streamOfIds(name) === null)
    return new Set(names.map(accountOfLog))
  }

  /**
   * JetStream for one more account: its streams are recovered. One that has it gets other limits.
   * @throws ApiError when the server has not what all accounts have a right to together; nothing has changed then
   */
  async enable(name: string, tiers: AccountTiers = UNLIMITED): Promise<void> {
    const others = [...this.accounts.values()].filter(({ account }) => account.name !== name)
    this.checkTiers([...others.map(({ usage }) => usage.tiers), tiers])
    await this.take(name, tiers)
  }

  /**
   * JetStream for these accounts and no others: those that are new are there when the promise is fulfilled.
   * @throws ApiError at once, as `enable`
   */
  enableOnly(accounts: readonly JetStreamAccountOptions[]): Promise<unknown> {
    this.checkTiers(accounts.map(({ tiers = UNLIMITED }) => tiers))
    const wanted = new Set(accounts.map(({ name }) => name))
    for (const name of [...this.accounts.keys()]) if (!wanted.has(name)) this.disable(name)
    return Promise.all(accounts.map(({ name, tiers = UNLIMITED }) => this.take(name, tiers)))
  }

  private checkTiers(tiers: readonly AccountTiers[]): void {
    checkSufficient(tiers, this.host)
  }

  private async take(name: string, tiers: AccountTiers): Promise<void> {
    if (this.isClosed) return
    const enabled = this.accounts.get(name)
    enabled?.usage.change(tiers)
    if (enabled !== undefined) return
    const account = this.addAccount(name, tiers)
    const recovered = this.recover(new Map([[name, account]]))
    if (account.streams.size > 0) await recovered
    if (this.isClosed || this.accounts.get(name) !== account) return
    this.refusing.get(name)?.close(SHUTDOWN_STATUS)
    this.refusing.delete(name)
    account.open(new Api(account))
  }

  /** No JetStream for the account: who asks is told so. Its streams stay on the disk, until it is enabled again. */
  disable(name: string): void {
    const account = this.accounts.get(name)
    if (!this.refusing.has(name) && !this.isClosed) {
      const refusing = new JetStreamAccount(this.host, this.bus.account(name))
      refusing.isEnabled = false
      refusing.open(new Api(refusing))
      this.refusing.set(name, refusing)
    }
    if (account === undefined) return
    this.accounts.delete(name)
    account.close(SHUTDOWN_STATUS)
    for (const stream of [...account.streams.values()]) {
      account.streams.delete(stream.name)
      stream.discountBytes()
    }
  }

  /** Removes all streams of an account, also where JetStream is not enabled for it. Returns how many there were; `done`: they are gone for good. */
  purge(name: string, done: () => void): number {
    const { store } = this.host
    const streams = [...(this.accounts.get(name)?.streams.values() ?? [])]
    for (const stream of streams) {
      stream.delete()
      stream.advisories.action('delete')
    }
    for (const [log, each] of [...store.logs])
      if (streamOfIds(log) === null && accountOfLog(log) === name) store.deleteLog(each)
    this.tidy()
    store.barrier(done)
    return streams.length
  }

  private constructor(options: JetStreamOptions) {
    this.host = new StreamHost(options)
    this.log = options.log ?? (() => {})
    this.watch = new StoreWatch(this.host, this.accounts, this.log)
  }

  get bus(): Bus {
    return this.host.bus
  }

  /** JetStream of an account; undefined where it isn't enabled. */
  account(name: string): JetStreamAccount | undefined {
    return this.accounts.get(name)
  }

  stats(): JetStreamStats {
    const { host } = this
    const stats: JetStreamStats = {
      memory: host.memoryBytes,
      storage: host.fileBytes,
      reservedMemory: host.reservedMemory,
      reservedStorage: host.reservedStorage,
      accounts: this.accounts.size,
      streams: 0,
      consumers: 0,
      messages: 0,
      messageBytes: 0,
      apiTotal: 0,
      apiErrors: 0,
    }
    for (const account of this.accounts.values()) {
      stats.apiTotal += account.apiTotal
      stats.apiErrors += account.apiErrors
      for (const stream of account.streams.values()) {
        stats.streams++
        stats.consumers += stream.consumers.size
        stats.messages += stream.log.messages
        stats.messageBytes += stream.log.bytes
      }
    }
    return stats
  }

  /** Stops answering; waiting requests are told so. The store is closed by who opened it. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.watch.isClosed = true
    this.host.commits.commit()
    for (const account of this.accounts.values()) account.close(SHUTDOWN_STATUS)
    this.host.store.commit()
  }

  // Opening

  private addAccount(name: string, tiers?: AccountTiers): JetStreamAccount {
    const account = new JetStreamAccount(this.host, this.bus.account(name), tiers)
    this.accounts.set(name, account)
    return account
  }

  /** Removes what no stream needs. */
  private tidy(): void {
    const { store } = this.host
    for (const [name, log] of [...store.logs]) {
      const idsOf = streamOfIds(name)
      if (idsOf !== null && !store.logs.has(idsOf)) store.deleteLog(log)
    }
  }

  private tellClosed(): void {
    for (const name of this.host.store.logs.keys())
      if (streamOfIds(name) === null && !this.accounts.has(accountOfLog(name)))
        this.log('warn', `stream ${name} belongs to an account without JetStream and stays closed`)
  }

  private async recover(accounts: ReadonlyMap<string, JetStreamAccount>): Promise<void> {
    const { store } = this.host
    const recovered: Promise<void>[] = []
    for (const [name, log] of [...store.logs]) {
      if (streamOfIds(name) !== null) continue
      const account = accounts.get(accountOfLog(name))
      if (account === undefined) continue
      const meta = log.meta as unknown as StreamMeta
      if (meta.isRestoring) {
        this.log('warn', `stream ${name} was not restored to its end and is removed`)
        store.deleteLog(log)
        continue
      }
      const stream = new Stream(account, log, meta)
      account.streams.set(stream.name, stream)
      for (const ledger of log.ledgers.values()) {
        if (ledger.name.startsWith('.')) continue
        stream.consumers.set(ledger.name, Consumer.recover(stream, ledger))
      }
      // Now that all are there who may want a message.
      for (const consumer of stream.consumers.values()) consumer.ledger.settleOwed()
      recovered.push(stream.ingest.ids.recover())
    }
    await Promise.all(recovered)
  }

  private connect(): void {
    const { store, bus, commits } = this.host
    store.onNeedsCommit = () => commits.defer()
    store.onCommitted = (batch) => this.committed(batch)
    store.onDrain = () => bus.resumeReading()
    const { watch } = this
    store.writability.onFailure = (error) => {
      watch.failed(error)
      bus.resumeReading()
    }
    store.writability.onShortage = (error) => {
      watch.short(error)
      bus.resumeReading()
    }
    store.writability.onRelief = () => watch.relieved()
    store.onLost = (log) => watch.lost(log)
    for (const log of store.logs.values()) if (log.lost.count > log.lost.told) watch.lost(log)
  }

  /** A batch is durable: copies are published, publishers get their acks, then consumers get the messages. */
  private committed(batch: number): void {
    this.host.commits.republish()
    for (const account of this.accounts.values()) account.pubAcks.release(batch)
    this.host.commits.committed()
  }
}
