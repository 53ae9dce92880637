/** Backups of the `nats` command line go both ways between Contrail and nats-server. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { headers, nanos } from '@nats-io/nats-core'
import { Objm } from '@nats-io/obj'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { type Kind, natsCli, needPeer, PeerServer } from '../servers.ts'

const execute = promisify(execFile)
const COMMAND_MS = 60_000

async function nats(server: PeerServer, ...words: string[]): Promise<void> {
  await execute(needPeer(natsCli), ['-s', server.url, ...words], { timeout: COMMAND_MS })
}

/** Streams with gaps, headers, times to live, consumers that are behind, a bucket with history, objects. */
async function fill(nc: NatsConnection): Promise<void> {
  const jsm = await jetstreamManager(nc)
  const js = jetstream(nc)
  await jsm.streams.add({ name: 'ORDERS', subjects: ['orders.>'], allow_msg_ttl: true })
  for (let i = 1; i <= 500; i++) {
    const all = headers()
    all.set('Nats-Msg-Id', `id-${i}`)
    all.append('Shop', 'Bern')
    all.append('Shop', 'Zürich')
    if (i % 100 === 0) all.set('Nats-TTL', '1h')
    await js.publish(`orders.${i % 7}`, `${i} ${'payload '.repeat(i % 50)}`, { headers: all })
  }
  for (const seq of [1, 2, 77, 499, 500]) await jsm.streams.deleteMessage('ORDERS', seq)
  await jsm.consumers.add('ORDERS', {
    durable_name: 'billing',
    ack_policy: 'explicit',
    ack_wait: nanos(600_000),
  })
  await jsm.consumers.add('ORDERS', {
    durable_name: 'some',
    ack_policy: 'all',
    filter_subjects: ['orders.1', 'orders.3'],
  })
  const billing = await js.consumers.get('ORDERS', 'billing')
  let taken = 0
  for await (const message of await billing.fetch({ max_messages: 30 }))
    if (++taken % 3 !== 0) await message.ackAck()
  const bucket = await new Kvm(js).create('settings', { history: 5 })
  for (let i = 0; i < 5; i++) await bucket.put('colour', `shade ${i}`)
  await bucket.delete('gone')
  const files = await new Objm(js).create('files')
  await files.putBlob(
    { name: 'large' },
    new Uint8Array(700_000).map((_, i) => (i * 7919) % 251),
  )
}

/** All that a backup has to keep. */
async function describe(nc: NatsConnection): Promise<unknown> {
  const jsm = await jetstreamManager(nc)
  const found: Record<string, unknown> = {}
  for await (const stream of jsm.streams.list()) {
    const { name } = stream.config
    const { state } = await jsm.streams.info(name, { deleted_details: true, subjects_filter: '>' })
    const messages: unknown[] = []
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const message = await jsm.streams.getMessage(name, { seq }).catch(() => null)
      if (message === null) continue
      const lines = [...message.header].map(([key, values]) => [key, ...values])
      messages.push([
        seq,
        message.subject,
        message.timestamp,
        lines,
        Buffer.from(message.data).toString('base64'),
      ])
    }
    const consumers: unknown[] = []
    for await (const {
      name: consumer,
      delivered,
      ack_floor,
      num_ack_pending,
      num_pending,
    } of jsm.consumers.list(name)) {
      consumers.push([
        consumer,
        delivered.stream_seq,
        delivered.consumer_seq,
        ack_floor.stream_seq,
        ack_floor.consumer_seq,
        num_ack_pending,
        num_pending,
      ])
    }
    const { messages: count, first_seq, last_seq, num_deleted, deleted, subjects } = state
    found[name] = { count, first_seq, last_seq, num_deleted, deleted, subjects, messages, consumers }
  }
  return found
}

const ways: Array<[Kind, Kind]> = [
  ['contrail', 'nats-server'],
  ['nats-server', 'contrail'],
  ['contrail', 'contrail'],
]
for (const [from, to] of ways) {
  test(`streams, consumers, buckets and objects backed up from ${from} are restored into ${to}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'contrail-backup-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const source = await new PeerServer(from).start()
    t.after(() => source.dispose())
    const target = await new PeerServer(to).start()
    t.after(() => target.dispose())
    const nc = await connect({ servers: source.url })
    const other = await connect({ servers: target.url })
    t.after(async () => {
      await nc.close()
      await other.close()
    })
    await fill(nc)
    for (const stream of ['ORDERS', 'KV_settings', 'OBJ_files']) {
      const place = join(folder, stream)
      await nats(source, 'backup', 'stream', stream, place, '--no-progress', '--consumers')
      await nats(target, 'backup', 'restore', 'stream', place, '--no-progress')
    }
    assert.deepEqual(await describe(other), await describe(nc))
    const store = await new Objm(jetstream(other)).open('files')
    assert.equal((await store.getBlob('large'))?.length, 700_000)
    await jetstream(other).publish('orders.9', 'goes on')
    assert.equal((await (await jetstreamManager(other)).streams.info('ORDERS')).state.last_seq, 501)
  })
}
