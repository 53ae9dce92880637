/** An object store: large things under a name, in chunks, with their digest checked. */
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { Readable, Writable } from 'node:stream'
import { StoreCompression, type StreamConfig } from '@nats-io/jetstream'
import {
  type ObjectStoreOptions as ClientsOptions,
  type ObjectStore as ClientsStore,
  type ObjectInfo,
  type ObjectStoreMeta,
  Objm,
} from '@nats-io/obj'
import { asContrailError, translated } from '../client-errors.ts'
import { ContrailError, reasonOf } from '../errors.ts'
import type { StreamMessage } from '../message.ts'
import {
  checkOptions,
  duration,
  object,
  oneOf,
  settleGiven,
  size,
  type Table,
  text,
  whole,
} from '../options.ts'
import type { Claim, Declaration, Runtime } from '../runtime.ts'
import { SubjectPattern } from '../subject-pattern.ts'
import { type Duration, type Size, toBytes, toNs } from '../units.ts'
import { claimOf, DECLARE, type Declare, keepDeclared } from './declaring.ts'
import { untilHeard } from './heard.ts'
import type { StreamOwner } from './stream.ts'
import { WATCH_OPTIONS, Watch, type WatchHandler, type WatchOptions } from './watch.ts'

export interface ObjectStoreOptions {
  description?: string
  /** Objects are removed after so long. Default: never. */
  ttl?: Duration
  maxBytes?: Size
  /** Default: 'file'. */
  storage?: 'file' | 'memory'
  replicas?: number
  /** Default: 'ensure'. @see Declare */
  declare?: Declare
  /** Options of the official client, over all others. */
  config?: Partial<ClientsOptions>
}

export const OBJECT_STORE_OPTIONS: Table<ObjectStoreOptions> = {
  description: text,
  ttl: duration,
  maxBytes: size,
  storage: oneOf('file', 'memory'),
  replicas: whole(1, 5),
  declare: DECLARE,
  config: object,
}

/** An object was put (its content is whole), or deleted. */
export interface ObjectEvent {
  readonly operation: 'put' | 'delete'
  readonly name: string
  readonly info: ObjectInfo
  readonly revision: number
  readonly time: Date
}

export class ObjectStore<Deps extends object = object> implements Declaration {
  readonly stage = 'store'
  readonly bucket: string
  readonly #options: ObjectStoreOptions
  readonly #owner: StreamOwner
  #forget: () => void = () => {}
  #store: ClientsStore | null = null

  constructor(bucket: string, options: ObjectStoreOptions, owner: StreamOwner) {
    checkOptions(`the object store "${bucket}"`, options, OBJECT_STORE_OPTIONS)
    this.bucket = bucket
    this.#options = options
    this.#owner = owner
  }

  /** @internal For documents. */
  get options(): ObjectStoreOptions {
    return this.#options
  }

  /** The official client's store. @throws ContrailError NOT_STARTED, STOPPED */
  get obj(): ClientsStore {
    if (this.#owner.runtime() === null) throw this.#owner.notRunning(`The object store "${this.bucket}"`)
    if (this.#store === null) {
      throw new ContrailError(
        'NOT_STARTED',
        `The object store "${this.bucket}" is not open yet: await app.ready().`,
      )
    }
    return this.#store
  }

  /** Stores bytes, text or a stream of bytes under a name. */
  async put(
    name: string | ObjectStoreMeta,
    content: Uint8Array | string | ReadableStream<Uint8Array>,
  ): Promise<ObjectInfo> {
    const meta = typeof name === 'string' ? { name } : name
    // A stream of bytes can't be read twice.
    if (typeof content !== 'string' && !(content instanceof Uint8Array)) {
      const { obj } = this
      return translated(`"${meta.name}" can't be put into the object store "${this.bucket}"`, () =>
        obj.put(meta, content),
      )
    }
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
    return this.#ask((obj) => obj.putBlob(meta, bytes))
  }

  /** All bytes of an object; undefined when it is not there. */
  async get(name: string): Promise<Uint8Array | undefined> {
    return (await this.#ask((obj) => obj.getBlob(name))) ?? undefined
  }

  /** Stores a file under a name. @throws ContrailError FILE_FAILED when it can't be read */
  async putFile(name: string | ObjectStoreMeta, path: string): Promise<ObjectInfo> {
    const file = createReadStream(path)
    let failure: unknown
    file.once('error', (thrown) => {
      failure = thrown
    })
    try {
      // Before anything is asked of the store: a missing file must not take an older object's place.
      await once(file, 'open')
      return await this.put(name, Readable.toWeb(file) as ReadableStream<Uint8Array>)
    } catch (thrown) {
      throw failure === undefined ? thrown : fileFailure('read', path, failure)
    }
  }

  /**
   * Writes an object to a file; its digest has been checked when this resolves. Undefined when it is not there.
   * @throws ContrailError FILE_FAILED when the file can't be written
   */
  async getFile(name: string, path: string): Promise<ObjectInfo | undefined> {
    const found = await this.#ask((obj) => obj.get(name))
    if (found === null) return undefined
    const file = createWriteStream(path)
    let failure: unknown
    file.once('error', (thrown) => {
      failure = thrown
    })
    try {
      await found.data.pipeTo(Writable.toWeb(file))
    } catch (thrown) {
      throw failure === undefined ? thrown : fileFailure('written', path, failure)
    }
    // The client resolves to null or to nothing where all is well.
    const failed = await found.error
    if (failed) {
      throw asContrailError(failed, `"${name}" of the object store "${this.bucket}" can't be read`)
    }
    return found.info
  }

  async info(name: string): Promise<ObjectInfo | undefined> {
    return (await this.#ask((obj) => obj.info(name))) ?? undefined
  }

  list(): Promise<ObjectInfo[]> {
    return this.#ask((obj) => obj.list())
  }

  /** False when there was none. */
  async delete(name: string): Promise<boolean> {
    return (await this.#ask((obj) => obj.delete(name))).success
  }

  /** Watches the store: what is there first, then what changes. Without a handler it is read by `next` and `for await`. */
  watch(
    options: WatchOptions,
    handler: WatchHandler<ObjectEvent, object, Deps>,
  ): Watch<ObjectEvent, object, Deps>
  watch(handler: WatchHandler<ObjectEvent, object, Deps>): Watch<ObjectEvent, object, Deps>
  watch(options?: WatchOptions): Watch<ObjectEvent, object, Deps>
  watch(...given: readonly unknown[]): Watch<ObjectEvent, object, Deps> {
    const of = `the watch of the object store "${this.bucket}"`
    const { options, handler } = settleGiven(of, given, WATCH_OPTIONS)
    const handle = handler as WatchHandler<ObjectEvent, object, Deps> | undefined
    const read = (message: StreamMessage) => eventOf(message, options.ignoreDeletes === true)
    const patterns = [new SubjectPattern(`$O.${this.bucket}.M.>`)]
    return this.#owner.declare(
      new Watch<ObjectEvent, object, Deps>(
        `OBJ_${this.bucket}`,
        patterns,
        options,
        read,
        handle,
        this.#owner,
      ),
    )
  }

  claim(): Claim | null {
    return claimOf(`the object store "${this.bucket}"`, this.#options)
  }

  async start(runtime: Runtime): Promise<void> {
    const { bucket } = this
    const declare = this.#options.declare ?? 'ensure'
    const objm = new Objm(runtime.js)
    const options = this.#clientsOptions(runtime)
    // The client changes what it is given.
    const create = () => objm.create(bucket, { ...options })
    const { forget } = await keepDeclared(
      runtime,
      `the object store "${bucket}"`,
      streamOf(bucket, options),
      declare,
      create,
    )
    this.#forget = forget
    this.#store = await translated(`The object store "${bucket}" can't be opened`, () =>
      declare === 'none' ? objm.open(bucket) : create(),
    )
  }

  #clientsOptions(runtime: Runtime): Partial<ClientsOptions> {
    const options = this.#options
    const wanted: Partial<ClientsOptions> = {}
    if (options.description !== undefined) wanted.description = options.description
    if (options.ttl !== undefined) wanted.ttl = toNs(options.ttl, 'ttl')
    if (options.maxBytes !== undefined) wanted.max_bytes = toBytes(options.maxBytes, 'maxBytes')
    if (options.storage !== undefined) wanted.storage = options.storage as ClientsOptions['storage']
    const replicas = options.replicas ?? runtime.replicas
    if (replicas !== undefined) wanted.replicas = replicas
    return { ...wanted, ...options.config }
  }

  async stop(): Promise<void> {
    this.#forget()
  }

  #ask<R>(what: (obj: ClientsStore) => Promise<R>): Promise<R> {
    const { obj } = this
    return untilHeard(`the object store "${this.bucket}"`, () => what(obj))
  }
}

/** Metadata of an object, as the stream of the store keeps it (ADR-20). */
function eventOf(message: StreamMessage, ignoreDeletes: boolean): ObjectEvent | undefined {
  const info = message.json<ObjectInfo>()
  if (info.deleted && ignoreDeletes) return undefined
  return {
    operation: info.deleted ? 'delete' : 'put',
    name: info.name,
    info,
    revision: message.seq,
    time: message.time,
  }
}

/** What a store's options say of its stream (ADR-20); what they don't speak of is left as it is. */
function streamOf(
  bucket: string,
  options: Partial<ClientsOptions>,
): Partial<StreamConfig> & { name: string } {
  const config: Partial<StreamConfig> & { name: string } = { name: `OBJ_${bucket}` }
  if (options.description !== undefined) config.description = options.description
  if (options.ttl !== undefined) config.max_age = options.ttl
  if (options.max_bytes !== undefined) config.max_bytes = options.max_bytes
  if (options.storage !== undefined) config.storage = options.storage
  if (options.replicas !== undefined) config.num_replicas = options.replicas
  if (options.placement !== undefined) config.placement = options.placement
  if (options.metadata !== undefined) config.metadata = options.metadata
  if (options.compression !== undefined) {
    config.compression = options.compression ? StoreCompression.S2 : StoreCompression.None
  }
  return config
}

function fileFailure(done: 'read' | 'written', path: string, thrown: unknown): ContrailError {
  return new ContrailError('FILE_FAILED', `"${path}" can't be ${done}: ${reasonOf(thrown)}.`, {
    cause: thrown,
  })
}
