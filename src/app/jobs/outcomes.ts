/** What became of jobs: entries of a bucket, that any client of the same server can read and watch. */
import { type JetStreamManager, StorageType } from '@nats-io/jetstream'
import type { Msg, Subscription } from '@nats-io/nats-core'
import { isApiError, translated } from '../client-errors.ts'
import { ContrailError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import { openKeyValue } from '../stores/open.ts'
import { NS_PER_MS } from '../units.ts'
import type { QueueNames } from './names.ts'

/** An entry of the bucket, as JSON. */
export interface Outcome {
  state: 'completed' | 'failed' | 'removed'
  /** Sequence of the job's message in the stream of the queue. */
  seq: number
  /** What the handler returned; nothing where it returned nothing. */
  result?: unknown
  /** Why it failed. */
  reason?: string
  /** Tries of a handler, the last one included. */
  tries?: number
  /** When, ISO 8601. */
  finished: string
}

export interface ProgressEvent {
  id: string
  seq: number
  progress: unknown
}

interface Waiter {
  readonly seq: number
  resolve(outcome: Outcome): void
  reject(thrown: unknown): void
}

const NO_MESSAGE_FOUND = 10037
/** A notice may get lost on its way; now and then it is looked up. */
const LOOK_UP_MS = 1000
/** So many at a time. */
const LOOKED_UP = 100

export class Outcomes {
  readonly #names: QueueNames
  readonly #runtime: Runtime
  readonly #waiting = new Map<string, Set<Waiter>>()
  #notices: Subscription | null = null
  #timer: NodeJS.Timeout | undefined
  #forgetConnection: () => void = () => {}

  constructor(names: QueueNames, runtime: Runtime) {
    this.#names = names
    this.#runtime = runtime
  }

  /** Makes the bucket where it is not there. */
  async open(keepMs: number): Promise<void> {
    const { js, jsm, replicas } = this.#runtime
    const bucket = await openKeyValue(js, this.#names.bucket, replicas, {
      history: 1,
      ttl: keepMs,
      storage: StorageType.File,
    })
    const { streamInfo } = await bucket.status()
    if (streamInfo.config.max_age !== keepMs * NS_PER_MS) {
      const config = { ...streamInfo.config, max_age: Math.round(keepMs * NS_PER_MS) }
      await translated(`The bucket "${this.#names.bucket}" can't be updated`, () =>
        jsm.streams.update(config.name, config),
      )
    }
  }

  close(): void {
    clearInterval(this.#timer)
    this.#forgetConnection()
    this.#notices?.unsubscribe()
    this.#notices = null
    const stopped = new ContrailError(
      'STOPPED',
      `The queue "${this.#names.queue}" waits for no job any more.`,
    )
    for (const waiters of this.#waiting.values()) for (const one of waiters) one.reject(stopped)
    this.#waiting.clear()
  }

  /** Resolves when it is stored. */
  async keep(id: string, outcome: Outcome): Promise<void> {
    await this.#runtime.publisher.keep(this.#names.outcomeSubject(id), JSON.stringify(outcome))
  }

  async keepProgress(id: string, seq: number, progress: unknown): Promise<void> {
    await this.#runtime.publisher.keep(this.#names.progressSubject(id), JSON.stringify({ seq, progress }))
  }

  /** As it is kept; undefined: there is none, or its time is over. */
  async of(id: string): Promise<Outcome | undefined> {
    return this.#read<Outcome>(this.#names.outcomeSubject(id))
  }

  async progressOf(id: string): Promise<{ seq: number; progress: unknown } | undefined> {
    return this.#read(this.#names.progressSubject(id))
  }

  async forget(id: string): Promise<void> {
    const { streams } = this.#runtime.jsm
    const stream = `KV_${this.#names.bucket}`
    await streams.purge(stream, { filter: this.#names.progressSubject(id) })
    await streams.purge(stream, { filter: this.#names.outcomeSubject(id) })
  }

  /**
   * Resolves to the outcome of this job, or of one that took its place (of the same id and added later).
   * @throws what `signal` is aborted with
   */
  async wait(id: string, seq: number, signal?: AbortSignal): Promise<Outcome> {
    signal?.throwIfAborted()
    let waiter: Waiter | undefined
    const settled = new Promise<Outcome>((resolve, reject) => {
      waiter = { seq, resolve, reject }
    })
    const mine = waiter as unknown as Waiter
    // Rejected by whoever comes first; nobody may be listening yet.
    settled.catch(() => {})
    const give = () => mine.reject(signal?.reason)
    signal?.addEventListener('abort', give, { once: true })
    const others = this.#waiting.get(id)
    if (others === undefined) this.#waiting.set(id, new Set([mine]))
    else others.add(mine)
    try {
      await this.#listen()
      await this.#lookUp(id)
      return await settled
    } finally {
      signal?.removeEventListener('abort', give)
      const all = this.#waiting.get(id)
      all?.delete(mine)
      if (all?.size === 0) this.#waiting.delete(id)
      if (this.#waiting.size === 0) clearInterval(this.#timer)
    }
  }

  /** Notices come as they are published; what is lost of them, over a reconnect for example, is looked up. */
  async #listen(): Promise<void> {
    const { nc } = this.#runtime
    if (this.#notices === null) {
      this.#notices = nc.subscribe(this.#names.outcomeSubject('*'), {
        callback: (error, raw) => {
          if (error === null) this.#notice(raw)
        },
      })
      this.#forgetConnection = this.#runtime.onConnection((event) => {
        if (event === 'reconnected') void this.#lookUpAll()
      })
    }
    await nc.flush()
    clearInterval(this.#timer)
    this.#timer = setInterval(() => void this.#lookUpAll(), LOOK_UP_MS).unref()
  }

  #notice(raw: Msg): void {
    const id = raw.subject.slice(raw.subject.lastIndexOf('.') + 1)
    if (!this.#waiting.has(id) || raw.data.length === 0) return
    this.#settle(id, outcomeOf(raw.data))
  }

  #settle(id: string, outcome: Outcome | undefined): void {
    if (outcome === undefined) return
    for (const waiter of this.#waiting.get(id) ?? []) if (outcome.seq >= waiter.seq) waiter.resolve(outcome)
  }

  async #lookUp(id: string): Promise<void> {
    this.#settle(id, await this.of(id))
  }

  async #lookUpAll(): Promise<void> {
    if (!this.#runtime.isConnected()) return
    const some = [...this.#waiting.keys()].slice(0, LOOKED_UP)
    await Promise.all(some.map((id) => this.#lookUp(id).catch(() => {})))
    // Others have their turn the next time.
    for (const id of some) {
      const waiters = this.#waiting.get(id)
      if (waiters === undefined || this.#waiting.size <= LOOKED_UP) continue
      this.#waiting.delete(id)
      this.#waiting.set(id, waiters)
    }
  }

  async #read<T>(subject: string): Promise<T | undefined> {
    const data = await lastOf(this.#runtime.jsm, `KV_${this.#names.bucket}`, subject)
    return data === undefined || data.length === 0
      ? undefined
      : (JSON.parse(new TextDecoder().decode(data)) as T)
  }
}

/** By the leader of the stream: another copy may be behind. */
async function lastOf(
  jsm: JetStreamManager,
  stream: string,
  subject: string,
): Promise<Uint8Array | undefined> {
  return translated(`The stream "${stream}" can't be read`, () =>
    jsm.streams.getMessage(stream, { last_by_subj: subject }).then(
      (stored) => stored?.data,
      (thrown) => {
        if (isApiError(thrown, NO_MESSAGE_FOUND)) return undefined
        throw thrown
      },
    ),
  )
}

/** Undefined for what is none: the bucket is open to all. */
export function outcomeOf(data: Uint8Array): Outcome | undefined {
  try {
    const outcome = JSON.parse(new TextDecoder().decode(data)) as Outcome
    return typeof outcome?.seq === 'number' && typeof outcome.state === 'string' ? outcome : undefined
  } catch {
    return undefined
  }
}
