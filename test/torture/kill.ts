/**
 * kill -9 of a real server under load from real clients, at moments by chance: everything acknowledged is there afterwards.
 * With a disk, the disk loses power as well.
 */
import { createHash } from 'node:crypto'
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import { headers, type NatsConnection } from '@nats-io/nats-core'
import { type ObjectStore, Objm } from '@nats-io/obj'
import { connect } from '@nats-io/transport-node'
import { Random } from '../../src/ports/random.ts'
import { PeerServer } from '../peers/servers.ts'
import { CopiesKilled } from './copies-killed.ts'
import type { Outcome } from './main.ts'
import type { RealDisk } from './real-disk.ts'

const LANES = 20
const WORKERS = 4
const LEAST_MS = 40
const MOST_MS = 500
const WINDOW_CHECKED = 20

/** What the server has said that it has. */
interface Promised {
  /** Sequence in the stream → id and payload. */
  messages: Map<number, { id: string; payload: string; subject: string }>
  /** Sequences of jobs whose ack was confirmed. */
  done: Set<number>
  jobs: Set<number>
  /** Key → value and revision. */
  keys: Map<string, { value: string; revision: number }>
  objects: Map<string, string>
  copies: CopiesKilled
}

export async function killRounds(
  rounds: number,
  seed: number,
  progress: (text: string) => void,
  disk: RealDisk | null = null,
): Promise<Outcome> {
  const part = disk === null ? 'kill -9' : 'power failure of a real file system'
  const random = new Random(seed)
  const server = await new PeerServer('contrail', disk === null ? {} : { within: disk.directory }).start()
  const failures: string[] = []
  const promised: Promised = {
    messages: new Map(),
    done: new Set(),
    jobs: new Set(),
    keys: new Map(),
    objects: new Map(),
    copies: new CopiesKilled(),
  }
  let acknowledged = 0
  // The official object store tidies up behind a put that failed, and nobody hears that this failed too.
  const ignored = (thrown: unknown) => {
    if (!/closed|timeout|no responders|insufficient resources/i.test(String(thrown)))
      failures.push(String(thrown))
  }
  process.on('unhandledRejection', ignored)
  try {
    await layOut(server, promised)
    for (let round = 1; round <= rounds; round++) {
      progress(
        `${part}: round ${round} of ${rounds}, ${acknowledged} acknowledged, ${failures.length} failures`,
      )
      const before = size(promised)
      await underLoad(server, disk, round, promised, LEAST_MS + random.below(MOST_MS - LEAST_MS))
      await disk?.remount()
      acknowledged += size(promised) - before
      await server.start()
      const wrong = await check(server, promised)
      failures.push(...wrong.map((text) => `seed ${seed}, round ${round}: ${text}`))
      // What was checked is not checked again in every round to come.
      promised.messages.clear()
      promised.objects.clear()
      if (wrong.length > 0) {
        // What is missing has been told: the next round begins with nothing promised.
        promised.jobs.clear()
        promised.done.clear()
        promised.keys.clear()
        await layOut(server, promised)
      }
    }
  } finally {
    await server.dispose()
    process.off('unhandledRejection', ignored)
  }
  return {
    part,
    tried: `${rounds} rounds`,
    acknowledged: `${acknowledged} messages, jobs, keys and objects acknowledged`,
    lost: failures.filter((text) => /is gone|was lost/.test(text)).length,
    wrong: failures.filter((text) => !/is gone|was lost/.test(text)).length,
    failures,
  }
}

function size({ messages, done, jobs, keys, objects, copies }: Promised): number {
  let revisions = 0
  for (const { revision } of keys.values()) revisions = Math.max(revisions, revision)
  return messages.size + done.size + jobs.size + revisions + objects.size + copies.acknowledged
}

async function layOut(server: PeerServer, { copies }: Promised): Promise<void> {
  const nc = await connect({ servers: server.url })
  const jsm = await jetstreamManager(nc)
  await jsm.streams.add({ name: 'S', subjects: ['s.>'], max_msgs: 100_000, description: 'kept' })
  await jsm.streams.add({ name: 'W', subjects: ['w'], retention: 'workqueue' })
  await jsm.consumers.add('W', {
    durable_name: 'w',
    ack_policy: 'explicit',
    ack_wait: 300e9,
    max_ack_pending: 5000,
  })
  await copies.layOut(jsm)
  await new Kvm(jetstream(nc)).create('K', { history: 3 })
  await new Objm(jetstream(nc)).create('O')
  await nc.close()
}

async function underLoad(
  server: PeerServer,
  disk: RealDisk | null,
  round: number,
  promised: Promised,
  forMs: number,
): Promise<void> {
  const nc = await connect({ servers: server.url, reconnect: false })
  const js = jetstream(nc)
  const kv = await new Kvm(js).open('K')
  const store = await new Objm(js).open('O')
  let isOver = false
  const running = Promise.allSettled([
    ...Array.from({ length: LANES }, (_, lane) => publish(js, round, lane, promised, () => isOver)),
    addJobs(js, round, promised, () => isOver),
    doJobs(nc, js, promised, () => isOver),
    putKeys(kv, round, promised, () => isOver),
    putObjects(store, round, promised, () => isOver),
    promised.copies.run(nc, js, round, () => isOver),
  ])
  await new Promise((resolve) => setTimeout(resolve, forMs))
  // What is acknowledged between the power failure and the end of the process counts too.
  await disk?.cutPower()
  isOver = true
  await server.stop('SIGKILL')
  await running
  await nc.close().catch(() => {})
}

async function publish(
  js: JetStreamClient,
  round: number,
  lane: number,
  promised: Promised,
  isOver: () => boolean,
): Promise<void> {
  for (let i = 0; !isOver(); i++) {
    const id = `${round}.${lane}.${i}`
    const payload = `${id} ${'x'.repeat((i * 37) % 700)}`
    const subject = `s.${lane % 5}`
    const all = headers()
    all.set('Lane', `${lane}`)
    const { seq } = await js.publish(subject, payload, { msgID: id, headers: all, timeout: 2000 })
    promised.messages.set(seq, { id, payload, subject })
    promised.copies.stored(seq, payload)
  }
}

async function addJobs(
  js: JetStreamClient,
  round: number,
  promised: Promised,
  isOver: () => boolean,
): Promise<void> {
  for (let i = 0; !isOver(); i++) {
    const { seq } = await js.publish('w', `${round}.${i}`, { timeout: 2000 })
    promised.jobs.add(seq)
  }
}

async function doJobs(
  nc: NatsConnection,
  js: JetStreamClient,
  promised: Promised,
  isOver: () => boolean,
): Promise<void> {
  const consumer = await js.consumers.get('W', 'w')
  const work = async () => {
    while (!isOver() && !nc.isClosed()) {
      const message = await consumer.next({ expires: 1000 })
      if (message !== null && (await message.ackAck({ timeout: 2000 }))) promised.done.add(message.seq)
    }
  }
  await Promise.allSettled(Array.from({ length: WORKERS }, work))
}

async function putKeys(kv: KV, round: number, promised: Promised, isOver: () => boolean): Promise<void> {
  for (let i = 0; !isOver(); i++) {
    const key = `k${i % 10}`
    const value = `${round}.${i}`
    const revision = await kv.put(key, value)
    promised.keys.set(key, { value, revision })
  }
}

async function putObjects(
  store: ObjectStore,
  round: number,
  promised: Promised,
  isOver: () => boolean,
): Promise<void> {
  for (let i = 0; !isOver(); i++) {
    const name = `o${round}.${i}`
    const bytes = new Uint8Array(150_000).map((_, at) => (at * (i + 7)) % 251)
    await store.putBlob({ name }, bytes)
    promised.objects.set(name, createHash('sha256').update(bytes).digest('hex'))
  }
}

/** What does not hold of what was promised. */
async function check(server: PeerServer, promised: Promised): Promise<string[]> {
  const nc = await connect({ servers: server.url })
  const jsm = await jetstreamManager(nc)
  const wrong: string[] = []
  const checkCopies = () => promised.copies.check(jsm, wrong)
  for (const part of [checkStream, checkJobs, checkKeys, checkObjects, checkCopies]) {
    await part(jsm, promised, wrong).catch((thrown: Error) => wrong.push(thrown.message))
  }
  await nc.close()
  return wrong
}

async function checkStream(jsm: JetStreamManager, promised: Promised, wrong: string[]): Promise<void> {
  const js = jsm.jetstream()
  const info = await jsm.streams.info('S').catch(() => null)
  if (info === null) {
    wrong.push('stream S was lost', ...[...promised.messages.keys()].map((seq) => `message ${seq} is gone`))
    return
  }
  const { state, config } = info
  if (config.description !== 'kept') wrong.push('the configuration of S is wrong')
  const seqs = [...promised.messages.keys()]
  const highest = Math.max(0, ...seqs)
  if (state.last_seq < highest)
    wrong.push(`S ends at ${state.last_seq}, ${highest} was acknowledged: it was lost`)
  if (state.messages !== state.last_seq - state.first_seq + 1) wrong.push('S has holes')
  let time = 0
  for (const [seq, { payload, subject, id }] of [...promised.messages].sort(([a], [b]) => a - b)) {
    if (seq < state.first_seq) continue
    const message = await jsm.streams.getMessage('S', { seq }).catch(() => null)
    if (message === null) wrong.push(`message ${seq} is gone`)
    else if (
      message.string() !== payload ||
      message.subject !== subject ||
      message.header.get('Nats-Msg-Id') !== id
    ) {
      wrong.push(`message ${seq} is wrong`)
    } else if (message.time.getTime() < time) wrong.push(`message ${seq} is older than the one before it`)
    else time = message.time.getTime()
  }
  // The ids of the last ones are still known: published again they are duplicates of the same sequence.
  for (const seq of seqs.slice(-WINDOW_CHECKED)) {
    const { id, payload, subject } = promised.messages.get(seq) as {
      id: string
      payload: string
      subject: string
    }
    const ack = await js.publish(subject, payload, { msgID: id })
    if (!ack.duplicate || ack.seq !== seq) wrong.push(`the id of message ${seq} is not known any more`)
  }
}

async function checkJobs(jsm: JetStreamManager, promised: Promised, wrong: string[]): Promise<void> {
  const { state } = await jsm.streams.info('W', { deleted_details: true })
  const { num_ack_pending: pending } = await jsm.consumers.info('W', 'w')
  const deleted = new Set(state.deleted ?? [])
  for (const seq of promised.jobs) {
    const isThere = seq >= state.first_seq && seq <= state.last_seq && !deleted.has(seq)
    if (promised.done.has(seq)) {
      if (isThere) wrong.push(`job ${seq} comes again though its ack was confirmed`)
      promised.jobs.delete(seq)
      promised.done.delete(seq)
    } else if (seq > state.last_seq) wrong.push(`job ${seq} was lost`)
    else if (!isThere) promised.jobs.delete(seq)
  }
  if (pending > state.messages) wrong.push(`${pending} jobs wait for an ack, ${state.messages} are there`)
}

async function checkKeys(jsm: JetStreamManager, promised: Promised, wrong: string[]): Promise<void> {
  const kv = await new Kvm(jsm.jetstream()).open('K')
  for (const [key, { value, revision }] of promised.keys) {
    const entry = await kv.get(key)
    // A put that was under way may be there too.
    if (entry === null || entry.revision < revision) wrong.push(`key ${key} was lost`)
    else if (entry.revision === revision && entry.string() !== value) wrong.push(`key ${key} is wrong`)
  }
}

async function checkObjects(jsm: JetStreamManager, promised: Promised, wrong: string[]): Promise<void> {
  const store = await new Objm(jsm.jetstream()).open('O')
  for (const [name, digest] of promised.objects) {
    const bytes = await store.getBlob(name)
    if (bytes === null) wrong.push(`object ${name} was lost`)
    else if (createHash('sha256').update(bytes).digest('hex') !== digest)
      wrong.push(`object ${name} is wrong`)
    await store.delete(name)
  }
}
