/** `@nats-io/kv` against Contrail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type KV, Kvm, type KvWatchEntry, type KvWatchOptions } from '@nats-io/kv'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { PeerServer } from '../servers.ts'

let server: PeerServer
let nc: NatsConnection
let kvm: Kvm

before(async () => {
  server = await new PeerServer('contrail').start()
  nc = await connect({ servers: server.url })
  kvm = new Kvm(nc)
})

after(async () => {
  await nc?.close()
  await server?.dispose()
})

/** What a watch or history brings: `key=value` or `key DEL`, until `count` came. */
async function shown(entries: AsyncIterable<KvWatchEntry>, count: number): Promise<string[]> {
  const found: string[] = []
  for await (const each of entries) {
    found.push(each.operation === 'PUT' ? `${each.key}=${each.string()}` : `${each.key} ${each.operation}`)
    if (found.length === count) break
  }
  return found
}

async function watched(kv: KV, options: KvWatchOptions, count: number): Promise<string[]> {
  return shown(await kv.watch(options), count)
}

async function keys(kv: KV, filter?: string): Promise<string[]> {
  const found: string[] = []
  for await (const key of await kv.keys(filter)) found.push(key)
  return found.sort()
}

test('put, get, create, update, delete, purge, with revisions', async () => {
  const kv = await kvm.create('basic', { history: 5 })
  assert.equal(await kv.put('a.b', 'one'), 1)
  assert.equal((await kv.get('a.b'))?.string(), 'one')
  assert.equal(await kv.get('missing'), null)
  assert.equal(await kv.create('new', 'first'), 2)
  await assert.rejects(kv.create('new', 'second'), /wrong last sequence/)
  assert.equal(await kv.update('new', 'second', 2), 3)
  await assert.rejects(kv.update('new', 'third', 2), /wrong last sequence/)
  await kv.delete('new')
  assert.equal((await kv.get('new'))?.operation, 'DEL')
  assert.equal(await kv.create('new', 'again'), 5)
  await assert.rejects(kv.delete('new', { previousSeq: 2 }), /wrong last sequence/)
  assert.equal((await kv.get('new', { revision: 3 }))?.string(), 'second')
  await kv.purge('new')
  assert.equal((await kv.get('new'))?.operation, 'PURGE')
  const status = await kv.status()
  assert.deepEqual([status.bucket, status.history, status.values], ['basic', 5, 2])
})

test('history keeps as many values as asked for, of one key and of all', async () => {
  const kv = await kvm.create('past', { history: 3 })
  for (let i = 0; i < 5; i++) await kv.put('k', `${i}`)
  await kv.put('other', 'x')
  await kv.delete('other')
  assert.deepEqual(await shown(await kv.history({ key: 'k' }), 9), ['k=2', 'k=3', 'k=4'])
  assert.deepEqual(await shown(await kv.history(), 9), ['k=2', 'k=3', 'k=4', 'other=x', 'other DEL'])
})

test('keys: all, filtered, without the deleted ones', async () => {
  const kv = await kvm.create('names')
  assert.deepEqual(await keys(kv), [])
  for (const key of ['a.1', 'a.2', 'b.1', 'gone']) await kv.put(key, 'x')
  await kv.delete('gone')
  assert.deepEqual(await keys(kv), ['a.1', 'a.2', 'b.1'])
  assert.deepEqual(await keys(kv, 'a.*'), ['a.1', 'a.2'])
})

test('watch: last values and what comes, history, updates only, a key, ignoring deletes, from a revision', async () => {
  const kv = await kvm.create('seen', { history: 4 })
  await kv.put('a', '1')
  await kv.put('a', '2')
  await kv.put('b', '1')
  const live = watched(kv, {}, 4)
  await new Promise((done) => setTimeout(done, 200))
  await kv.put('c', '1')
  await kv.delete('b')
  assert.deepEqual(await live, ['a=2', 'b=1', 'c=1', 'b DEL'])
  assert.deepEqual(await watched(kv, { include: 'history' }, 5), ['a=1', 'a=2', 'b=1', 'c=1', 'b DEL'])
  assert.deepEqual(await watched(kv, { key: 'a' }, 1), ['a=2'])
  assert.deepEqual(await watched(kv, { ignoreDeletes: true }, 2), ['a=2', 'c=1'])
  assert.deepEqual(await watched(kv, { resumeFromRevision: 3, include: 'history' }, 3), [
    'b=1',
    'c=1',
    'b DEL',
  ])
  const updates = watched(kv, { include: 'updates' }, 1)
  await new Promise((done) => setTimeout(done, 200))
  await kv.put('d', 'news')
  assert.deepEqual(await updates, ['d=news'])
})

test('two who increment with revisions lose nothing', async () => {
  const kv = await kvm.create('counter')
  await kv.put('n', '0')
  const increment = async (): Promise<void> => {
    for (let done = 0; done < 50; ) {
      const entry = await kv.get('n')
      try {
        await kv.update('n', `${Number(entry?.string()) + 1}`, entry?.revision ?? 0)
        done++
      } catch {
        // Somebody else was faster: read again.
      }
    }
  }
  await Promise.all([increment(), increment()])
  assert.equal((await kv.get('n'))?.string(), '100')
})

test('values grow old with the bucket, and buckets are listed and destroyed', async () => {
  const kv = await kvm.create('short', { ttl: 500 })
  await kv.put('k', 'x')
  await new Promise((done) => setTimeout(done, 1200))
  assert.equal(await kv.get('k'), null)
  const buckets: string[] = []
  for await (const status of kvm.list()) buckets.push(status.bucket)
  assert.ok(buckets.includes('short'))
  assert.equal(await kv.destroy(), true)
  await assert.rejects((await kvm.open('short')).status())
})
