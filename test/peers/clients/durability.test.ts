/** Real clients across a restart, and across the sudden death of the server. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import {
  AckPolicy,
  type JetStreamClient,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
} from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { Objm } from '@nats-io/obj'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { PeerServer } from '../servers.ts'

/** How many connections publish at once, and how many publishes of each are on their way. */
const publishers = 4
const inFlight = 32
/** How long they publish before the server is killed, in milliseconds. */
const publishingMs = 700

/** A client that keeps on trying while its server is gone. */
function patient(server: PeerServer): Promise<NatsConnection> {
  const options = { maxReconnectAttempts: -1, reconnectTimeWait: 50, reconnectJitter: 0 }
  return connect({ servers: server.url, ...options, timeout: 10_000 })
}

test('a restart in the middle: streams, consumers, keys and objects are found, clients go on', async () => {
  const server = await new PeerServer('contrail').start()
  const nc = await patient(server)
  try {
    const js = jetstream(nc)
    const jsm = await jetstreamManager(nc)
    await jsm.streams.add({ name: 'KEPT', subjects: ['kept.*'], description: 'kept' })
    await jsm.streams.add({ name: 'GONE', subjects: ['gone'] })
    await jsm.streams.delete('GONE')
    for (let i = 1; i <= 20; i++) await js.publish(`kept.${i % 2}`, `${i}`, { msgID: `id ${i}` })
    await jsm.streams.deleteMessage('KEPT', 7)
    await jsm.consumers.add('KEPT', { durable_name: 'reader', ack_policy: AckPolicy.Explicit })
    const reader = await js.consumers.get('KEPT', 'reader')
    for await (const message of await reader.fetch({ max_messages: 5, expires: 5000 })) await message.ackAck()
    const kv = await new Kvm(js).create('settings', { history: 3 })
    const revision = await kv.put('key', 'value')
    await kv.put('removed', 'value')
    await kv.delete('removed')
    const bytes = randomBytes(2_000_000)
    const objects = await new Objm(js).create('files')
    await objects.putBlob({ name: 'file' }, bytes)
    const before = await jsm.streams.info('KEPT', { subjects_filter: '>' })
    const createdBefore = (await jsm.consumers.info('KEPT', 'reader')).created

    const back = reconnected(nc)
    await server.restart()
    await back

    const after = await jsm.streams.info('KEPT', { subjects_filter: '>' })
    assert.deepEqual(after.config, before.config)
    assert.deepEqual(after.state, before.state)
    assert.equal(after.created, before.created)
    await assert.rejects(jsm.streams.info('GONE'), /stream not found/)
    const info = await jsm.consumers.info('KEPT', 'reader')
    assert.equal(info.created, createdBefore)
    assert.equal(info.ack_floor.stream_seq, 5)
    assert.equal(info.num_pending, 14)
    const rest: number[] = []
    for await (const message of await reader.fetch({ max_messages: 14, expires: 5000 })) {
      rest.push(message.seq)
      message.ack()
    }
    assert.deepEqual(rest, [6, ...Array.from({ length: 13 }, (_, i) => i + 8)])
    const again = await js.publish('kept.0', 'twenty', { msgID: 'id 20' })
    assert.equal(again.duplicate, true)
    assert.equal((await js.publish('kept.0', 'new')).seq, 21)
    assert.equal((await kv.get('key'))?.string(), 'value')
    assert.equal(await kv.update('key', 'newer', revision), revision + 3)
    assert.equal((await kv.get('removed'))?.operation, 'DEL')
    assert.ok(Buffer.from((await objects.getBlob('file')) ?? []).equals(bytes))
  } finally {
    await nc.close()
    await server.dispose()
  }
})

test('an ordered consumer and a key watcher go on over a restart, without gap or repetition', async () => {
  const server = await new PeerServer('contrail').start()
  const nc = await patient(server)
  try {
    const js = jetstream(nc)
    const jsm = await jetstreamManager(nc)
    await jsm.streams.add({ name: 'ORDER', subjects: ['order'] })
    for (let i = 1; i <= 50; i++) await js.publish('order', `${i}`)
    const kv = await new Kvm(js).create('watched')
    await kv.put('a', '1')
    const keys: string[] = []
    const watch = await kv.watch()
    const watching = (async () => {
      for await (const entry of watch) {
        keys.push(`${entry.key}=${entry.string()}`)
        if (entry.key === 'z') break
      }
    })()
    const consumer = await js.consumers.get('ORDER')
    const sequences: number[] = []
    const messages = await consumer.consume({ max_messages: 20, expires: 2000, idle_heartbeat: 500 })
    const reading = (async () => {
      for await (const message of messages) {
        sequences.push(message.seq)
        if (message.seq === 100) break
      }
    })()
    while (sequences.length < 50) await pause(20)
    const back = reconnected(nc)
    await server.restart('SIGKILL')
    await back
    for (let i = 51; i <= 100; i++) await js.publish('order', `${i}`)
    await kv.put('z', '26')
    await within(reading, 20_000, () => `the ordered consumer stands at ${sequences.at(-1)}`)
    await within(watching, 20_000, () => `the watcher saw ${keys}`)
    assert.deepEqual(
      sequences,
      Array.from({ length: 100 }, (_, i) => i + 1),
    )
    assert.deepEqual(keys, ['a=1', 'z=26'])
  } finally {
    await nc.close()
    await server.dispose()
  }
})

test('kill -9 three times under load loses nothing acknowledged: published messages, and acks', async () => {
  const server = await new PeerServer('contrail').start()
  try {
    const setup = await connect({ servers: server.url })
    const manager = await jetstreamManager(setup)
    await manager.streams.add({ name: 'LOG', subjects: ['log.*'] })
    await manager.streams.add({ name: 'JOBS', subjects: ['jobs.*'], retention: RetentionPolicy.Workqueue })
    // Longer than a job lies in the worker's buffer on a busy machine: a copy sent before the ack is no loss.
    const config = { durable_name: 'worker', ack_policy: AckPolicy.Explicit, ack_wait: 3_000_000_000 }
    await manager.consumers.add('JOBS', config)
    await setup.close()

    /** Payloads by their sequence, as acknowledged. */
    const logged = new Map<number, string>()
    const queued = new Map<number, string>()
    /** Sequences whose ack the server has confirmed, and deliveries after that. */
    const confirmed = new Set<number>()
    const delivered = new Set<number>()
    const returned: number[] = []

    for (let round = 0; round < 3; round++) {
      const connections = await Promise.all(
        Array.from({ length: publishers + 1 }, () => connect({ servers: server.url, reconnect: false })),
      )
      const running = connections.slice(0, publishers).map((nc, which) => {
        const js = jetstream(nc, { timeout: 20_000 })
        return Promise.all(
          Array.from({ length: inFlight }, (_, lane) => {
            const isLog = lane % 2 === 0
            const name = `${round}.${which}.${lane}`
            return publish(js, isLog ? `log.${which}` : `jobs.${which}`, name, isLog ? logged : queued)
          }),
        )
      })
      const working = work(
        jetstream(connections[publishers], { timeout: 20_000 }),
        (seq) => {
          delivered.add(seq)
          if (confirmed.has(seq)) returned.push(seq)
        },
        confirmed,
      )
      await pause(publishingMs)
      const loggedBefore = logged.size
      await server.stop('SIGKILL')
      await Promise.all([...running, working])
      assert.ok(loggedBefore > 0, 'nothing was acknowledged before the server was killed')
      await Promise.all(connections.map((nc) => nc.close()))
      await server.start()
    }
    assert.ok(confirmed.size > 0, 'the worker acknowledged nothing')

    const nc = await connect({ servers: server.url })
    const js = jetstream(nc)
    const jsm = await jetstreamManager(nc)
    const found = new Map<number, string>()
    const last = (await jsm.streams.info('LOG')).state.last_seq
    const reader = await js.consumers.get('LOG')
    for await (const message of await reader.consume({ max_messages: 2000 })) {
      found.set(message.seq, message.string())
      if (message.seq === last) break
    }
    for (const [seq, payload] of logged) assert.equal(found.get(seq), payload, `message ${seq} of LOG`)

    // Acknowledged jobs stay away; every other one comes, to the last.
    const worker = await js.consumers.get('JOBS', 'worker')
    for (;;) {
      const left = (await jsm.streams.info('JOBS')).state.messages
      if (left === 0) break
      const batch = await worker.fetch({ max_messages: Math.min(left, 100), expires: 10_000 })
      for await (const message of batch) {
        delivered.add(message.seq)
        if (confirmed.has(message.seq)) returned.push(message.seq)
        await message.ackAck()
      }
    }
    assert.deepEqual(returned, [], 'delivered after its ack was confirmed')
    for (const seq of queued.keys()) assert.ok(delivered.has(seq), `job ${seq} was never delivered`)
    await nc.close()
  } finally {
    await server.dispose()
  }
})

/** Publishes one message after the other until the connection is gone; `acked` has what was acknowledged. */
async function publish(js: JetStreamClient, subject: string, name: string, acked: Map<number, string>) {
  for (let i = 0; ; i++) {
    const payload = `${name}.${i}`
    try {
      const ack = await js.publish(subject, payload)
      assert.ok(!acked.has(ack.seq), `sequence ${ack.seq} of ${subject} was given twice`)
      acked.set(ack.seq, payload)
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
      return
    }
  }
}

/** Takes jobs and has each ack confirmed until the connection is gone. */
async function work(js: JetStreamClient, saw: (seq: number) => void, confirmed: Set<number>): Promise<void> {
  try {
    const consumer = await js.consumers.get('JOBS', 'worker')
    for await (const message of await consumer.consume({ max_messages: 50 })) {
      saw(message.seq)
      if (await message.ackAck()) confirmed.add(message.seq)
    }
  } catch {
    // The server was killed: what was not confirmed counts for nothing.
  }
}

/** Resolves at the connection's next `reconnect`. */
async function reconnected(nc: NatsConnection): Promise<void> {
  for await (const status of nc.status()) if (status.type === 'reconnect') return
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}

/** @throws Error with `state()` when the promise takes too long */
async function within(promise: Promise<void>, timeoutMs: number, state: () => string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(state())), timeoutMs)
  })
  await Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
