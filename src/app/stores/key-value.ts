/** A key-value bucket whose values are typed. */
import { StoreCompression, type StreamConfig } from '@nats-io/jetstream'
import { type KV, type KvEntry, Kvm, type KvOptions } from '@nats-io/kv'
import { asContrailError, isApiError, translated } from '../client-errors.ts'
import { type Codec, type CodecOption, codecOf, decode } from '../codec.ts'
import { ContrailError } from '../errors.ts'
import type { StreamMessage } from '../message.ts'
import {
  checkOptions,
  codec,
  duration,
  object,
  oneOf,
  schema,
  settleGiven,
  size,
  type Table,
  whole,
} from '../options.ts'
import type { Claim, Declaration, Runtime } from '../runtime.ts'
import { type Schema, validate } from '../schema.ts'
import type { Params, SubjectPattern } from '../subject-pattern.ts'
import { type Duration, NS_PER_MS, type Size, toBytes, toMs } from '../units.ts'
import { claimOf, DECLARE, type Declare, keepDeclared } from './declaring.ts'
import { untilHeard } from './heard.ts'
import { type KeyValueEvent, keyPatterns, keyPrefix, operationOf } from './key-value-watch.ts'
import type { StreamOwner } from './stream.ts'
import { type ReadEvent, WATCH_OPTIONS, Watch, type WatchHandler, type WatchOptions } from './watch.ts'

export interface KeyValueOptions<
  S extends Schema | undefined = undefined,
  C extends CodecOption | undefined = undefined,
> {
  /** What values are. Default: anything. */
  schema?: S
  /** Default: 'json'. */
  codec?: C
  /** Values kept per key. Default: 1; at most 64. */
  history?: number
  /** Values are removed after so long. Default: never. */
  ttl?: Duration
  maxBytes?: Size
  maxValueSize?: Size
  /** Default: 'file'. */
  storage?: 'file' | 'memory'
  replicas?: number
  /** Default: 'ensure'. @see Declare */
  declare?: Declare
  /** Options of the official client, over all others. */
  config?: Partial<KvOptions>
}

export const KEY_VALUE_OPTIONS: Table<KeyValueOptions> = {
  schema,
  codec,
  history: whole(1, 64),
  ttl: duration,
  maxBytes: size,
  maxValueSize: size,
  storage: oneOf('file', 'memory'),
  replicas: whole(1, 5),
  declare: DECLARE,
  config: object,
}

/** A value with its place in the bucket. */
export interface Entry<T> {
  readonly key: string
  readonly value: T
  readonly revision: number
  readonly time: Date
}

const DEFAULT_UPDATE_ATTEMPTS = 100
const WRONG_LAST_SEQUENCE = [10071, 10164]

export class KeyValue<T, Deps extends object = object> implements Declaration {
  readonly stage = 'store'
  readonly bucket: string
  readonly #options: KeyValueOptions<Schema | undefined, CodecOption | undefined>
  readonly #codec: Codec
  readonly #owner: StreamOwner
  #forget: () => void = () => {}
  #kv: KV | null = null

  constructor(
    bucket: string,
    options: KeyValueOptions<Schema | undefined, CodecOption | undefined>,
    owner: StreamOwner,
  ) {
    checkOptions(`the bucket "${bucket}"`, options, KEY_VALUE_OPTIONS)
    this.bucket = bucket
    this.#options = options
    this.#codec = codecOf(options.codec)
    this.#owner = owner
  }

  /** @internal For documents. */
  get options(): KeyValueOptions<Schema | undefined, CodecOption | undefined> {
    return this.#options
  }

  /** The official client's bucket. @throws ContrailError NOT_STARTED, STOPPED */
  get kv(): KV {
    if (this.#owner.runtime() === null) throw this.#owner.notRunning(`The bucket "${this.bucket}"`)
    if (this.#kv === null) {
      throw new ContrailError(
        'NOT_STARTED',
        `The bucket "${this.bucket}" is not open yet: await app.ready().`,
      )
    }
    return this.#kv
  }

  /** The value of a key; undefined when there is none. */
  async get(key: string): Promise<T | undefined> {
    return (await this.entry(key))?.value
  }

  /** The same with its revision and time. */
  async entry(key: string): Promise<Entry<T> | undefined> {
    const found = await this.#ask((kv) => kv.get(key))
    return found === null || found.operation !== 'PUT' ? undefined : this.read(found)
  }

  /** Resolves to the revision. */
  async put(key: string, value: T): Promise<number> {
    const payload = await this.#write(key, value)
    return this.#ask((kv) => kv.put(key, payload))
  }

  /** Puts a value where there is none. @throws ContrailError KEY_EXISTS when there is one */
  async create(key: string, value: T): Promise<number> {
    const payload = await this.#write(key, value)
    try {
      return await this.#ask((kv) => kv.create(key, payload))
    } catch (thrown) {
      if (!isConflict(thrown)) throw thrown
      throw new ContrailError('KEY_EXISTS', `"${key}" in "${this.bucket}" has a value already.`, {
        cause: thrown,
      })
    }
  }

  /**
   * Changes a value by a function of the present one (undefined: none), again and again while others write between.
   * Resolves to the new value. @throws ContrailError CONFLICT after so many attempts (default 100)
   */
  async update(
    key: string,
    change: (value: T | undefined) => T | Promise<T>,
    options: { attempts?: number } = {},
  ): Promise<T> {
    const attempts = options.attempts ?? DEFAULT_UPDATE_ATTEMPTS
    for (let attempt = 0; attempt < attempts; attempt++) {
      const found = await this.#ask((kv) => kv.get(key))
      const present = found === null || found.operation !== 'PUT' ? undefined : (await this.read(found)).value
      const value = await change(present)
      const payload = await this.#write(key, value)
      try {
        await this.#ask((kv) =>
          found === null ? kv.create(key, payload) : kv.update(key, payload, found.revision),
        )
        return value
      } catch (thrown) {
        if (!isConflict(thrown)) throw thrown
        if (attempt > 2)
          await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(attempt, 20)))
      }
    }
    throw new ContrailError(
      'CONFLICT',
      `"${key}" in "${this.bucket}" was changed by others ${attempts} times.`,
    )
  }

  delete(key: string): Promise<void> {
    return this.#ask((kv) => kv.delete(key))
  }

  /** Deletes a key and its history. */
  purge(key: string): Promise<void> {
    return this.#ask((kv) => kv.purge(key))
  }

  /** The keys that have a value. */
  async keys(filter?: string | string[]): Promise<string[]> {
    const keys: string[] = []
    const found = await this.#ask((kv) => kv.keys(filter))
    try {
      for await (const key of found) keys.push(key)
    } catch (thrown) {
      throw asContrailError(thrown, `The keys of the bucket "${this.bucket}" can't be read`)
    }
    return keys
  }

  /** A value of the bucket as its codec and schema read it. @throws InvalidMessageError */
  async read(entry: KvEntry): Promise<Entry<T>> {
    return {
      key: entry.key,
      value: (await this.#value(entry.value, entry.key)) as T,
      revision: entry.revision,
      time: entry.created,
    }
  }

  /**
   * Watches keys: what is there first, then what changes. Keys may have wildcards and {names}. The watch starts with the
   * app; without a handler it is read by `next` and `for await`. @see WatchOptions
   */
  watch<Key extends string>(
    keys: Key | readonly Key[],
    options: WatchOptions,
    handler: WatchHandler<KeyValueEvent<T, Params<Key>>, Params<Key>, Deps>,
  ): Watch<KeyValueEvent<T, Params<Key>>, Params<Key>, Deps>
  watch<Key extends string>(
    keys: Key | readonly Key[],
    handler: WatchHandler<KeyValueEvent<T, Params<Key>>, Params<Key>, Deps>,
  ): Watch<KeyValueEvent<T, Params<Key>>, Params<Key>, Deps>
  watch<Key extends string>(
    keys: Key | readonly Key[],
    options?: WatchOptions,
  ): Watch<KeyValueEvent<T, Params<Key>>, Params<Key>, Deps>
  watch(
    keys: string | readonly string[],
    ...given: readonly unknown[]
  ): Watch<KeyValueEvent<T, never>, never, Deps> {
    const of = `the watch of "${[keys].flat().join(', ')}" in the bucket "${this.bucket}"`
    const { options, handler } = settleGiven(of, given, WATCH_OPTIONS)
    const patterns = keyPatterns(this.bucket, keys)
    const read = (message: StreamMessage) => this.#event(message, patterns, options.ignoreDeletes === true)
    return this.#owner.declare(
      new Watch<KeyValueEvent<T, never>, never, Deps>(
        `KV_${this.bucket}`,
        patterns,
        options,
        read as ReadEvent<KeyValueEvent<T, never>>,
        handler as WatchHandler<KeyValueEvent<T, never>, never, Deps> | undefined,
        this.#owner,
      ),
    )
  }

  #event(
    message: StreamMessage,
    patterns: readonly SubjectPattern[],
    ignoreDeletes: boolean,
  ): KeyValueEvent<T> | undefined | Promise<KeyValueEvent<T>> {
    const operation = operationOf(message)
    if (operation !== 'put' && ignoreDeletes) return undefined
    const { subject } = message
    const change = {
      key: subject.slice(keyPrefix(this.bucket).length),
      revision: message.seq,
      time: message.time,
      params: patterns.find((pattern) => pattern.matches(subject))?.params(subject) ?? {},
    }
    if (operation !== 'put') return { ...change, operation }
    const value = this.#value(message.data, change.key)
    if (value instanceof Promise) {
      return value.then((settled) => ({ ...change, operation, value: settled as T }))
    }
    return { ...change, operation, value: value as T }
  }

  /** As codec and schema read it; a promise where the schema is asynchronous. @throws InvalidMessageError */
  #value(data: Uint8Array, key: string): unknown {
    const value = decode(this.#codec, data, key)
    const { schema } = this.#options
    return schema === undefined ? value : validate(schema, value, key)
  }

  claim(): Claim | null {
    const { schema: _, codec: __, ...options } = this.#options
    return claimOf(`the bucket "${this.bucket}"`, options)
  }

  async start(runtime: Runtime): Promise<void> {
    const { bucket } = this
    const what = `the bucket "${bucket}"`
    const declare = this.#options.declare ?? 'ensure'
    const kvm = new Kvm(runtime.js)
    const options = this.#clientsOptions(runtime)
    // The client changes what it is given.
    const create = () => kvm.create(bucket, { ...options })
    const { forget } = await keepDeclared(runtime, what, streamOf(bucket, options), declare, create)
    this.#forget = forget
    this.#kv = await translated(`The bucket "${bucket}" can't be opened`, () =>
      declare === 'none' ? kvm.open(bucket) : create(),
    )
  }

  #clientsOptions(runtime: Runtime): Partial<KvOptions> {
    const options = this.#options
    const wanted: Partial<KvOptions> = {}
    if (options.history !== undefined) wanted.history = options.history
    if (options.ttl !== undefined) wanted.ttl = toMs(options.ttl, 'ttl')
    if (options.maxBytes !== undefined) wanted.max_bytes = toBytes(options.maxBytes, 'maxBytes')
    if (options.maxValueSize !== undefined)
      wanted.maxValueSize = toBytes(options.maxValueSize, 'maxValueSize')
    if (options.storage !== undefined) wanted.storage = options.storage as KvOptions['storage']
    const replicas = options.replicas ?? runtime.replicas
    if (replicas !== undefined) wanted.replicas = replicas
    return { ...wanted, ...options.config }
  }

  async stop(): Promise<void> {
    this.#forget()
  }

  #ask<R>(what: (kv: KV) => Promise<R>): Promise<R> {
    const { kv } = this
    return untilHeard(`the bucket "${this.bucket}"`, () => what(kv))
  }

  async #write(key: string, value: T): Promise<Uint8Array | string> {
    if (this.#options.schema !== undefined) await validate(this.#options.schema, value, key)
    return this.#codec.encode(value as never) as Uint8Array | string
  }
}

/** What a bucket's options say of its stream (ADR-8); what they don't speak of is left as it is. */
function streamOf(bucket: string, options: Partial<KvOptions>): Partial<StreamConfig> & { name: string } {
  const config: Partial<StreamConfig> & { name: string } = { name: options.streamName ?? `KV_${bucket}` }
  if (options.history !== undefined) config.max_msgs_per_subject = options.history
  if (options.ttl !== undefined) config.max_age = options.ttl * NS_PER_MS
  if (options.max_bytes !== undefined) config.max_bytes = options.max_bytes
  if (options.maxValueSize !== undefined) config.max_msg_size = options.maxValueSize
  if (options.storage !== undefined) config.storage = options.storage
  if (options.replicas !== undefined) config.num_replicas = options.replicas
  if (options.description !== undefined) config.description = options.description
  if (options.placement !== undefined) config.placement = options.placement
  if (options.republish !== undefined) config.republish = options.republish
  if (options.metadata !== undefined) config.metadata = options.metadata
  if (options.compression !== undefined) {
    config.compression = options.compression ? StoreCompression.S2 : StoreCompression.None
  }
  if (options.markerTTL !== undefined && options.markerTTL > 0) {
    config.allow_msg_ttl = true
    config.subject_delete_marker_ttl = options.markerTTL * NS_PER_MS
  }
  return config
}

function isConflict(thrown: unknown): boolean {
  return isApiError(thrown, ...WRONG_LAST_SEQUENCE)
}
