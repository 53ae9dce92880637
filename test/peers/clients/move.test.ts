/** `contrail move`, `backup` and `restore`: from a store's folder to nats-server, to a cluster of three, and back. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { headers, type NatsConnection } from '@nats-io/nats-core'
import { Objm } from '@nats-io/obj'
import { connect } from '@nats-io/transport-node'
import { Server } from '../../../src/server/index.ts'
import { Cluster } from '../cluster.ts'
import { PeerServer, root } from '../servers.ts'

const COMMAND_MS = 120_000

function contrail(...words: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, 'bin', 'contrail'), ...words],
      { timeout: COMMAND_MS },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr }),
    )
  })
}

/** A store in a folder, with streams, a consumer that is behind, a bucket and objects. */
async function store(t: TestContext): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-move-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const server = await Server.start({ storeDir: join(folder, 'store') })
  const nc = await server.connect()
  const jsm = await jetstreamManager(nc)
  const js = jetstream(nc)
  await jsm.streams.add({ name: 'ORDERS', subjects: ['orders.>'] })
  for (let i = 1; i <= 300; i++) {
    const all = headers()
    all.set('Shop', `${i % 3}`)
    await js.publish(`orders.${i % 5}`, `${i} ${'x'.repeat(i)}`, { headers: all })
  }
  await jsm.streams.deleteMessage('ORDERS', 150)
  await jsm.consumers.add('ORDERS', { durable_name: 'billing', ack_policy: 'explicit' })
  let taken = 0
  for await (const message of await (await js.consumers.get('ORDERS', 'billing')).fetch({
    max_messages: 20,
  })) {
    if (++taken <= 12) await message.ackAck()
  }
  await (await new Kvm(js).create('stock')).put('nut', '7')
  await (await new Objm(js).create('files')).putBlob({ name: 'one' }, new Uint8Array(300_000).fill(7))
  await nc.close()
  await server.stop()
  return join(folder, 'store')
}

async function check(nc: NatsConnection): Promise<void> {
  const jsm = await jetstreamManager(nc)
  const { state } = await jsm.streams.info('ORDERS')
  assert.deepEqual([state.messages, state.first_seq, state.last_seq], [299, 1, 300])
  assert.equal((await jsm.streams.getMessage('ORDERS', { seq: 200 }))?.header.get('Shop'), '2')
  const { ack_floor } = await jsm.consumers.info('ORDERS', 'billing')
  assert.equal(ack_floor.stream_seq, 12)
  const js = jetstream(nc)
  assert.equal((await (await new Kvm(js).open('stock')).get('nut'))?.string(), '7')
  assert.equal((await (await new Objm(js).open('files')).getBlob('one'))?.length, 300_000)
}

test('a store is moved to nats-server, again without harm, and back from there', async (t) => {
  const folder = await store(t)
  const server = await new PeerServer('nats-server').start()
  t.after(() => server.dispose())
  const dry = await contrail('move', '--from', folder, '--to', server.url, '--dry-run')
  assert.match(dry.output, /ORDERS: 299 messages/)
  const moved = await contrail('move', '--from', folder, '--to', server.url)
  assert.equal(moved.code, 0, moved.output)
  assert.match(moved.output, /ORDERS: moved, 299 messages compared/)
  const nc = await connect({ servers: server.url })
  t.after(() => nc.close())
  await check(nc)
  const again = await contrail('move', '--from', folder, '--to', server.url)
  assert.equal(again.code, 0, again.output)
  assert.match(again.output, /ORDERS: was there already/)
  const back = `${folder}-back`
  const returned = await contrail('move', '--from', server.url, '--to', back)
  assert.equal(returned.code, 0, returned.output)
  const ours = await Server.start({ storeDir: back })
  t.after(() => ours.stop())
  t.after(() => rmSync(back, { recursive: true, force: true, maxRetries: 5 }))
  await check(await ours.connect())
})

test('what is different where it should go is told, and the command fails', async (t) => {
  const folder = await store(t)
  const server = await new PeerServer('nats-server').start()
  t.after(() => server.dispose())
  const nc = await connect({ servers: server.url })
  t.after(() => nc.close())
  const jsm = await jetstreamManager(nc)
  await jsm.streams.add({ name: 'ORDERS', subjects: ['orders.>'] })
  await jetstream(nc).publish('orders.other', 'somebody else’s')
  const { code, output } = await contrail('move', '--from', folder, '--to', server.url)
  assert.equal(code, 1)
  assert.match(output, /ORDERS in .* is not the same: message 1 is different/)
  assert.match(output, /KV_stock: moved/)
  const nowhere = await contrail('move', '--from', join(folder, 'nothing'), '--to', server.url)
  assert.equal(nowhere.code, 1)
  assert.match(nowhere.output, /neither a URL .* nor the folder of a store/)
})

test('a store is moved to a cluster of three, with three copies', async (t) => {
  const folder = await store(t)
  const cluster = await Cluster.start()
  t.after(() => cluster.dispose())
  const { code, output } = await contrail('move', '--from', folder, '--to', cluster.urls, '--replicas', '3')
  assert.equal(code, 0, output)
  const nc = await connect({ servers: cluster.urls.split(',') })
  t.after(() => nc.close())
  const jsm = await jetstreamManager(nc)
  assert.equal((await jsm.streams.info('ORDERS')).config.num_replicas, 3)
  await check(nc)
})

test('backups of the command are restored by it', async (t) => {
  const folder = await store(t)
  const backup = `${folder}-backup`
  t.after(() => rmSync(backup, { recursive: true, force: true }))
  const written = await contrail('backup', '--from', folder, backup)
  assert.equal(written.code, 0, written.output)
  const server = await new PeerServer('nats-server').start()
  t.after(() => server.dispose())
  const restored = await contrail('restore', '--to', server.url, backup)
  assert.equal(restored.code, 0, restored.output)
  const nc = await connect({ servers: server.url })
  t.after(() => nc.close())
  await check(nc)
})
