import type { Bus, TurnTask } from '../../core/index.ts'
import type { MessageLog, Store } from '../../storage/index.ts'

/** A stream as the end of a turn knows it. */
export interface Committing {
  readonly isClosed: boolean
  readonly log: MessageLog
  /** Owned by `Commits`: the stream waits for the end of the turn, and for a commit. */
  isOverLimit: boolean
  isAwaitingCommit: boolean
  /** Brings it back within its limits. */
  trim(): void
  /** What goes into the commit beside its messages. */
  beforeCommit(): void
  /** Messages up to the log's committedSeq are durable: they are published again, then others are told. */
  republish(): void
  committed(): void
}

/** The end of a turn in which streams stored something: they are trimmed, then all of it is committed. */
export class Commits implements TurnTask {
  /** Owned by the Turn. */
  deferred = false
  private readonly bus: Bus
  private readonly store: Store
  /** Streams that wait for a commit, and streams that have grown beyond their limits in this turn. */
  private awaiting: Committing[] = []
  private over: Committing[] = []
  /** Streams with something to be written with the next commit. */
  private readonly preparing: Committing[] = []

  constructor(bus: Bus, store: Store) {
    this.bus = bus
    this.store = store
  }

  /** Commits at the end of this turn. */
  defer(): void {
    this.bus.turn.deferWork(this)
  }

  /** A stream has messages that are not durable yet. */
  appended(stream: Committing): void {
    if (!stream.isAwaitingCommit) {
      stream.isAwaitingCommit = true
      this.awaiting.push(stream)
    }
    const { store, bus } = this
    if (!store.overloaded || store.isHeldUp) return
    if (store.isFlooded) bus.pauseReading()
    else bus.pauseSender()
  }

  /** A stream holds more than it may: the oldest go at the end of the turn, or before somebody looks. */
  overLimit(stream: Committing): void {
    if (stream.isOverLimit) return
    stream.isOverLimit = true
    this.over.push(stream)
    this.defer()
  }

  /** A stream has something for `beforeCommit`, the first of this turn. */
  prepare(stream: Committing): void {
    this.preparing.push(stream)
  }

  /** Brings streams back within their limits. */
  trim(): void {
    if (this.over.length === 0) return
    const over = this.over
    this.over = []
    for (const stream of over) {
      stream.isOverLimit = false
      if (!stream.isClosed) stream.trim()
    }
  }

  /** The end of a turn in which something was stored. */
  run(): void {
    this.trim()
    this.commit()
  }

  commit(): void {
    const { preparing } = this
    for (let i = 0; i < preparing.length; i++) if (!preparing[i].isClosed) preparing[i].beforeCommit()
    preparing.length = 0
    this.store.commit()
  }

  /** A batch is durable: whoever is told that a message is stored may rely on it that others have the copy. */
  republish(): void {
    const { awaiting } = this
    for (let i = 0; i < awaiting.length; i++) awaiting[i].republish()
  }

  /** Then streams tell who waits for it. */
  committed(): void {
    const awaiting = this.awaiting
    let kept = 0
    for (let i = 0; i < awaiting.length; i++) {
      const stream = awaiting[i]
      if (stream.log.committedSeq < stream.log.lastSeq && !stream.isClosed) awaiting[kept++] = stream
      else stream.isAwaitingCommit = false
      stream.committed()
    }
    awaiting.length = kept
  }
}
