/** The context's `kv` and `obj`: the official clients' stores, made when they are not there. */
import type { JetStreamClient } from '@nats-io/jetstream'
import { type KV, Kvm, type KvOptions } from '@nats-io/kv'
import { type ObjectStore, type ObjectStoreOptions, Objm } from '@nats-io/obj'
import { isApiError, STREAM_NOT_FOUND, translated } from '../client-errors.ts'
import { reasonOf } from '../errors.ts'

export function openKeyValue(
  js: JetStreamClient,
  bucket: string,
  replicas: number | undefined,
  options?: Partial<KvOptions>,
): Promise<KV> {
  return translated(`The bucket "${bucket}" can't be opened`, () => open(js, bucket, replicas, options))
}

async function open(
  js: JetStreamClient,
  bucket: string,
  replicas: number | undefined,
  options?: Partial<KvOptions>,
): Promise<KV> {
  const kvm = new Kvm(js)
  if (options !== undefined) return kvm.create(bucket, { replicas, ...options })
  const kv = await kvm.open(bucket)
  // Opening alone asks nothing of the server.
  const isThere = await kv.status().then(
    () => true,
    (thrown) => {
      if (isApiError(thrown, STREAM_NOT_FOUND)) return false
      throw thrown
    },
  )
  return isThere ? kv : kvm.create(bucket, { replicas })
}

export function openObjectStore(
  js: JetStreamClient,
  bucket: string,
  replicas: number | undefined,
  options?: Partial<ObjectStoreOptions>,
): Promise<ObjectStore> {
  return translated(`The object store "${bucket}" can't be opened`, () =>
    openStore(js, bucket, replicas, options),
  )
}

async function openStore(
  js: JetStreamClient,
  bucket: string,
  replicas: number | undefined,
  options?: Partial<ObjectStoreOptions>,
): Promise<ObjectStore> {
  const objm = new Objm(js)
  if (options !== undefined) return objm.create(bucket, { replicas, ...options })
  try {
    return await objm.open(bucket)
  } catch (thrown) {
    if (!/not found/.test(reasonOf(thrown))) throw thrown
    return objm.create(bucket, { replicas })
  }
}
