/** `@nats-io/obj` against Contrail. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { Objm } from '@nats-io/obj'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { PeerServer } from '../servers.ts'

let server: PeerServer
let nc: NatsConnection
let objm: Objm

before(async () => {
  server = await new PeerServer('contrail').start()
  nc = await connect({ servers: server.url })
  objm = new Objm(nc)
})

after(async () => {
  await nc?.close()
  await server?.dispose()
})

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes)
      controller.close()
    },
  })
}

test('put, get, info, list, replace and delete objects of several sizes', async () => {
  const store = await objm.create('files')
  const objects = new Map<string, Buffer>()
  for (const size of [0, 1, 131_072, 131_073, 5_000_000]) objects.set(`size ${size}`, randomBytes(size))
  for (const [name, bytes] of objects) {
    const info = await store.put({ name }, streamOf(bytes))
    assert.equal(info.size, bytes.length)
    assert.equal(info.chunks, Math.ceil(bytes.length / 131_072))
  }
  for (const [name, bytes] of objects) {
    const blob = await store.getBlob(name)
    assert.ok(blob !== null && Buffer.from(blob).equals(bytes), name)
    assert.match((await store.info(name))?.digest ?? '', /^SHA-256=/)
  }
  assert.deepEqual((await store.list()).map(({ name }) => name).sort(), [...objects.keys()].sort())
  await store.putBlob({ name: 'size 1' }, new Uint8Array([1, 2, 3]))
  assert.deepEqual([...((await store.getBlob('size 1')) ?? [])], [1, 2, 3])
  assert.equal((await store.delete('size 5000000')).success, true)
  assert.equal(await store.getBlob('size 5000000'), null)
  assert.equal((await store.info('size 5000000'))?.deleted, true)
  const status = await store.status()
  assert.ok(status.size < 1_000_000, `${status.size} bytes are left`)
})

test('watch tells of what is there and what comes', async () => {
  const store = await objm.create('seen')
  await store.putBlob({ name: 'old' }, randomBytes(10))
  const seen: string[] = []
  const watching = (async () => {
    for await (const info of await store.watch({ includeHistory: true })) {
      if (info === null) continue
      seen.push(`${info.name}${info.deleted ? ' deleted' : ''}`)
      if (seen.length === 3) break
    }
  })()
  await new Promise((done) => setTimeout(done, 300))
  await store.putBlob({ name: 'new' }, randomBytes(10))
  await store.delete('old')
  await watching
  assert.deepEqual(seen, ['old', 'new', 'old deleted'])
})

test('links, metadata, seal', async () => {
  const store = await objm.create('linked', { description: 'with links' })
  const bytes = randomBytes(1000)
  const info = await store.putBlob({ name: 'target', metadata: { a: 'b' } }, bytes)
  assert.deepEqual(info.metadata, { a: 'b' })
  await store.link('link', info)
  assert.ok(Buffer.from((await store.getBlob('link')) ?? []).equals(bytes))
  await store.update('target', { name: 'renamed', description: 'new name' })
  assert.equal((await store.info('renamed'))?.description, 'new name')
  assert.equal((await store.seal()).sealed, true)
  await assert.rejects(store.putBlob({ name: 'late' }, bytes))
  assert.equal(await store.destroy(), true)
})
