/** A key-value bucket whose values are typed. */
import { type KV, type KvEntry, Kvm, type KvOptions } from '@nats-io/kv'
import { type Codec, type CodecOption, codecOf, decode } from '../codec.ts'
import { ContrailError, reasonOf } from '../errors.ts'
import type { StreamMessage } from '../message.ts'
import type { Declaration, Runtime } from '../runtime.ts'
import { type Schema, validate } from '../schema.ts'
import type { Params, SubjectPattern } from '../subject-pattern.ts'
import { type Duration, type Size, toBytes, toMs } from '../units.ts'
import { untilHeard } from './heard.ts'
import { type KeyValueEvent, keyPatterns, keyPrefix, operationOf } from './key-value-watch.ts'
import type { StreamOwner } from './stream.ts'
import { type ReadEvent, Watch, type WatchHandler, type WatchOptions } from './watch.ts'

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
  /** 'create' (default): made when it is not there. 'check': must be there. */
  declare?: 'create' | 'check'
  /** Options of the official client, over all others. */
  config?: Partial<KvOptions>
}

/** A value with its place in the bucket. */
export interface Entry<T> {
  readonly key: string
  readonly value: T
  readonly revision: number
  readonly time: Date
}

const DEFAULT_UPDATE_ATTEMPTS = 100
const WRONG_LAST_SEQUENCE = 10071

export class KeyValue<T, Deps extends object = object> implements Declaration {
  readonly stage = 'store'
  readonly bucket: string
  readonly #options: KeyValueOptions<Schema | undefined, CodecOption | undefined>
  readonly #codec: Codec
  readonly #owner: StreamOwner
  #kv: KV | null = null

  constructor(
    bucket: string,
    options: KeyValueOptions<Schema | undefined, CodecOption | undefined>,
    owner: StreamOwner,
  ) {
    this.bucket = bucket
    this.#options = options
    this.#codec = codecOf(options.codec)
    this.#owner = owner
  }

  /** The official client's bucket. @throws ContrailError NOT_STARTED */
  get kv(): KV {
    if (this.#kv === null)
      throw new ContrailError('NOT_STARTED', `The bucket "${this.bucket}" is not open yet.`)
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

  /** Puts a value where there is none. @throws the client's error when there is one */
  async create(key: string, value: T): Promise<number> {
    const payload = await this.#write(key, value)
    return this.#ask((kv) => kv.create(key, payload))
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
    for await (const key of await this.#ask((kv) => kv.keys(filter))) keys.push(key)
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
    optionsOrHandler: WatchOptions | WatchHandler<KeyValueEvent<T, never>, never, Deps> = {},
    handler?: WatchHandler<KeyValueEvent<T, never>, never, Deps>,
  ): Watch<KeyValueEvent<T, never>, never, Deps> {
    const options = typeof optionsOrHandler === 'function' ? {} : optionsOrHandler
    const given = typeof optionsOrHandler === 'function' ? optionsOrHandler : handler
    const patterns = keyPatterns(this.bucket, keys)
    const read = (message: StreamMessage) => this.#event(message, patterns, options.ignoreDeletes === true)
    return this.#owner.declare(
      new Watch<KeyValueEvent<T, never>, never, Deps>(
        `KV_${this.bucket}`,
        patterns,
        options,
        read as ReadEvent<KeyValueEvent<T, never>>,
        given,
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

  async start(runtime: Runtime): Promise<void> {
    const options = this.#options
    const kvm = new Kvm(runtime.js)
    if (options.declare === 'check') {
      this.#kv = await kvm.open(this.bucket)
      await this.#kv.status().catch((thrown) => {
        throw new ContrailError('STREAM_MISSING', `There is no bucket "${this.bucket}": ${reasonOf(thrown)}.`)
      })
      return
    }
    const wanted: Partial<KvOptions> = {}
    if (options.history !== undefined) wanted.history = options.history
    if (options.ttl !== undefined) wanted.ttl = toMs(options.ttl, 'ttl')
    if (options.maxBytes !== undefined) wanted.max_bytes = toBytes(options.maxBytes, 'maxBytes')
    if (options.maxValueSize !== undefined)
      wanted.maxValueSize = toBytes(options.maxValueSize, 'maxValueSize')
    if (options.storage !== undefined) wanted.storage = options.storage as KvOptions['storage']
    const replicas = options.replicas ?? runtime.replicas
    if (replicas !== undefined) wanted.replicas = replicas
    this.#kv = await kvm.create(this.bucket, { ...wanted, ...options.config })
  }

  async stop(): Promise<void> {}

  #ask<R>(what: (kv: KV) => Promise<R>): Promise<R> {
    const { kv } = this
    return untilHeard(`the bucket "${this.bucket}"`, () => what(kv))
  }

  async #write(key: string, value: T): Promise<Uint8Array | string> {
    if (this.#options.schema !== undefined) await validate(this.#options.schema, value, key)
    return this.#codec.encode(value as never) as Uint8Array | string
  }
}

function isConflict(thrown: unknown): boolean {
  const code = (thrown as { code?: number; api_error?: { err_code?: number } }).code
  return code === WRONG_LAST_SEQUENCE || /wrong last sequence|key exists/i.test(reasonOf(thrown))
}
