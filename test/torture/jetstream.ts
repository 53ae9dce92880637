/**
 * The power fails under a whole server at a file operation of a seeded workload: streams, a work queue, a consumer, keys,
 * purges and deletions, through a client in the process. What the client had been told is true of the server that comes after.
 */
import { jetstream, jetstreamManager, StoreCompression } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { headers, type Msg, type NatsConnection } from '@nats-io/nats-core'
import { Random } from '../../src/ports/random.ts'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { Server } from '../../src/server/index.ts'
import { SMALL_LIMITS } from '../storage/small-limits.ts'
import { Copied } from './copied-part.ts'
import { Batches, Expiring, type Part, Restored, type Running } from './jetstream-parts.ts'

/** Larger than those of the storage's own tests: configurations of streams have to fit. */
const LIMITS = { ...SMALL_LIMITS, firstJournalBytes: 4096, layoutBytes: 4096, journalBytes: 16_384 }
const STEPS = 40
const EVENTS = 'EVENTS'
const JOBS = 'JOBS'
const KEYS = 5
const REDELIVERY_MS = 31_000
const MOST_WAIT_MS = 5000

interface Sent {
  payload: string
  id: string
  seq: number
}

/** What the client was told, and what it asked for and may or may not have happened. */
class Knowledge {
  /** Acknowledged messages of EVENTS by sequence. */
  readonly events = new Map<number, Sent>()
  /** Everything ever sent to EVENTS: payload by id. */
  readonly sent = new Set<string>()
  /** Sequences whose removal was asked for, and those that are removed for sure. */
  readonly removing = new Set<number>()
  readonly removed = new Set<number>()
  purgingBelow = 0
  purgedBelow = 0
  /** Acknowledged jobs by payload; those that were confirmed, and those whose ack was sent. */
  readonly jobs = new Set<string>()
  readonly done = new Set<string>()
  readonly doing = new Set<string>()
  /** Confirmed sequences of the consumer on EVENTS. */
  readonly handled = new Set<number>()
  readonly keys = new Map<string, string>()
  readonly keysAsked = new Map<string, Set<string>>()
  readonly streams = new Map<string, string>()
  readonly streamsAsked = new Map<string, Set<string>>()
  /** Calls that were answered. */
  acknowledged = 0
  isReady = false
  readonly parts: readonly Part[] = [new Expiring(), new Batches(), new Restored(), new Copied()]
}

async function start(fileSystem: SimulatedFileSystem, clock: SimulatedClock): Promise<Running> {
  const server = await Server.start({ storeDir: '/store', clock, storage: { fileSystem, limits: LIMITS } })
  return { server, nc: await server.connect({ reconnect: false }), clock }
}

/** Asks for messages until there are no more for now. */
async function fetchAll({ nc, clock }: Running, stream: string, consumer: string): Promise<Msg[]> {
  const got: Msg[] = []
  for (let empty = 0; empty < 2; ) {
    const inbox = `fetch.${got.length}.${empty}`
    const batch: Msg[] = []
    let end = (): void => {}
    nc.subscribe(inbox, {
      callback: (_, message) => {
        if (message.headers?.code || batch.push(message) === 10) end()
      },
    })
    nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, '{"batch":10,"no_wait":true}', {
      reply: inbox,
    })
    await new Promise<void>((resolve, reject) => {
      end = resolve
      const late = new Error(`wrong: no answer to a pull request on ${stream}`)
      setTimeout(() => reject(late), MOST_WAIT_MS).unref()
    })
    got.push(...batch)
    if (batch.length === 0) {
      empty++
      clock.advance(50)
    }
  }
  return got
}

async function setUp({ nc }: Running): Promise<void> {
  const jsm = await jetstreamManager(nc)
  await jsm.streams.add({
    name: EVENTS,
    subjects: ['events.*'],
    allow_direct: true,
    compression: StoreCompression.S2,
  })
  await jsm.streams.add({ name: JOBS, subjects: ['jobs'], retention: 'workqueue' })
  await jsm.consumers.add(JOBS, { durable_name: 'worker', ack_policy: 'explicit' })
  await jsm.consumers.add(EVENTS, {
    durable_name: 'reader',
    ack_policy: 'explicit',
    filter_subject: 'events.1',
  })
  await new Kvm(nc).create('keys', { history: 3 })
}

class Workload {
  readonly known = new Knowledge()
  private readonly random: Random
  private readonly running: Running
  private sent = 0

  constructor(seed: number, running: Running) {
    this.random = new Random(seed)
    this.running = running
  }

  async run(): Promise<void> {
    await setUp(this.running)
    for (const part of this.known.parts) await part.setUp(this.running)
    this.known.isReady = true
    for (let step = 0; step < STEPS; step++) {
      await this.step()
      this.known.acknowledged++
      // What is not urgent is committed a little later.
      this.running.clock.advance(this.random.below(30))
    }
  }

  private async step(): Promise<void> {
    const { random, known } = this
    const { nc } = this.running
    const jsm = await jetstreamManager(nc, { checkAPI: false })
    // A part of its own, or what belongs together in EVENTS, JOBS and the keys.
    if (random.chance(0.2)) return known.parts[random.below(known.parts.length)].step(this.running, random)
    const dice = random.next()
    if (dice < 0.4) {
      await Promise.all(Array.from({ length: 1 + random.below(6) }, () => this.publish()))
    } else if (dice < 0.55) {
      await Promise.all(Array.from({ length: 1 + random.below(4) }, () => this.queue()))
    } else if (dice < 0.7) {
      await this.work(JOBS, 'worker', (message) => {
        known.doing.add(message.string())
        return () => known.done.add(message.string())
      })
    } else if (dice < 0.78) {
      await this.work(EVENTS, 'reader', (_, seq) => () => known.handled.add(seq))
    } else if (dice < 0.88) {
      const key = `key${random.below(KEYS)}`
      const value = `value ${++this.sent}`
      asked(known.keysAsked, key).add(value)
      await (await new Kvm(nc).open('keys')).put(key, value)
      known.keys.set(key, value)
    } else if (dice < 0.92) {
      const [seq] = [...known.events.keys()].filter(
        (each) => !known.removing.has(each) && each >= known.purgingBelow,
      )
      if (seq === undefined) return
      known.removing.add(seq)
      await jsm.streams.deleteMessage(EVENTS, seq, false)
      known.removed.add(seq)
    } else if (dice < 0.95) {
      const last = Math.max(0, ...known.events.keys())
      known.purgingBelow = Math.max(1, known.purgedBelow, last - random.below(10))
      await jsm.streams.purge(EVENTS, { seq: known.purgingBelow })
      known.purgedBelow = known.purgingBelow
    } else {
      await this.manage()
    }
  }

  private async publish(): Promise<void> {
    const { known } = this
    const id = `id-${++this.sent}`
    const payload = `${id} ${'x'.repeat(this.random.below(200))}`
    known.sent.add(payload)
    const head = headers()
    head.set('Kind', 'event')
    const { seq } = await jetstream(this.running.nc).publish(`events.${this.random.below(3)}`, payload, {
      msgID: id,
      headers: head,
    })
    known.events.set(seq, { payload, id, seq })
  }

  private async queue(): Promise<void> {
    const payload = `job ${++this.sent}`
    await jetstream(this.running.nc).publish('jobs', payload)
    this.known.jobs.add(payload)
  }

  private async work(
    stream: string,
    consumer: string,
    begin: (message: Msg, seq: number) => () => void,
  ): Promise<void> {
    const messages = await fetchAll(this.running, stream, consumer)
    for (const message of messages) {
      if (this.random.chance(0.4)) continue
      const finish = begin(message, Number(message.reply?.split('.')[5]))
      await this.running.nc.request(message.reply as string, '+ACK', { timeout: 60_000 })
      finish()
    }
  }

  /** Another stream comes, changes and goes. */
  private async manage(): Promise<void> {
    const { known, random } = this
    const jsm = await jetstreamManager(this.running.nc, { checkAPI: false })
    const name = `OTHER${random.below(2)}`
    const now = known.streams.get(name)
    if (now === undefined || now === 'gone') {
      asked(known.streamsAsked, name).add('10')
      await jsm.streams.add({ name, subjects: [`${name}.*`], max_msgs: 10 })
      known.streams.set(name, '10')
    } else if (random.chance(0.5)) {
      const limit = 20 + random.below(20)
      asked(known.streamsAsked, name).add(`${limit}`)
      await jsm.streams.update(name, { max_msgs: limit })
      known.streams.set(name, `${limit}`)
    } else {
      asked(known.streamsAsked, name).add('gone')
      await jsm.streams.delete(name)
      known.streams.set(name, 'gone')
    }
    // What was asked before this was answered is settled.
    known.streamsAsked.set(name, new Set([known.streams.get(name) as string]))
  }
}

function asked(map: Map<string, Set<string>>, key: string): Set<string> {
  let set = map.get(key)
  if (set === undefined) {
    set = new Set()
    map.set(key, set)
  }
  return set
}

/** Compares what the server has with what the client was told. @throws Error that says what is wrong */
async function verify(running: Running, known: Knowledge): Promise<void> {
  if (!known.isReady) return
  const { nc, clock } = running
  const jsm = await jetstreamManager(nc)
  await verifyEvents(running, known)
  const kv = await new Kvm(nc).open('keys')
  for (const [key, value] of known.keys) {
    const found = (await kv.get(key))?.string()
    const mayBe = [...(known.keysAsked.get(key) ?? [])]
    const isLater = found !== undefined && mayBe.indexOf(found) >= mayBe.indexOf(value)
    if (!isLater) throw new Error(`lost: ${key} was ${value} and is ${found}`)
  }
  for (const [name, state] of known.streams) {
    const info = await jsm.streams.info(name).catch(() => null)
    const found = info === null ? 'gone' : `${info.config.max_msgs}`
    if (found !== state && !known.streamsAsked.get(name)?.has(found)) {
      throw new Error(`lost: ${name} was ${state} and is ${found}`)
    }
  }
  for (const part of known.parts) await part.verify(running)
  // Everything that is still to be done comes again, and nothing that was confirmed.
  clock.advance(REDELIVERY_MS)
  const jobs = (await fetchAll(running, JOBS, 'worker')).map((message) => message.string())
  for (const job of jobs)
    if (known.done.has(job)) throw new Error(`wrong: ${job} was confirmed and comes again`)
  for (const job of known.jobs) {
    if (!known.doing.has(job) && !jobs.includes(job)) throw new Error(`lost: ${job} does not come again`)
  }
  if (new Set(jobs).size !== jobs.length) throw new Error('wrong: a job comes twice')
  for (const message of await fetchAll(running, EVENTS, 'reader')) {
    const seq = Number(message.reply?.split('.')[5])
    if (known.handled.has(seq)) throw new Error(`wrong: ${seq} was confirmed and comes again`)
  }
}

async function verifyEvents({ nc }: Running, known: Knowledge): Promise<void> {
  const jsm = await jetstreamManager(nc)
  const { state } = await jsm.streams.info(EVENTS)
  const highest = Math.max(0, ...known.events.keys())
  if (state.last_seq < highest)
    throw new Error(`lost: ${highest} was acknowledged, ${state.last_seq} is the last`)
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const found = await jsm.direct.getMessage(EVENTS, { seq })
    const expected = known.events.get(seq)
    const mayBeGone = known.removing.has(seq) || seq < known.purgingBelow
    if (found === null) {
      if (expected !== undefined && !mayBeGone) throw new Error(`lost: message ${seq}`)
      continue
    }
    if (known.removed.has(seq) || seq < known.purgedBelow)
      throw new Error(`wrong: ${seq} was removed and is there`)
    if (!known.sent.has(found.string())) throw new Error(`wrong: ${seq} was never sent: ${found.string()}`)
    if (expected !== undefined && expected.payload !== found.string()) {
      throw new Error(`wrong: ${seq} has the content of another`)
    }
    if (found.header.get('Kind') !== 'event') throw new Error(`wrong: headers of ${seq}`)
    if (expected === undefined) continue
    const again = await jetstream(nc).publish('events.0', found.data, { msgID: expected.id })
    if (!again.duplicate || again.seq !== seq) throw new Error(`wrong: ${expected.id} is not known any more`)
  }
}

export interface JetStreamCrash {
  crashed: boolean
  acknowledged: number
  /** Begins with 'lost' or 'wrong'; null: all is well. */
  failure: string | null
}

/** Loses power at the file operation `crashAt`, starts again, and compares. */
export async function crashJetStream(
  seed: number,
  crashAt: number,
  options: { ignoresSync?: boolean } = {},
): Promise<JetStreamCrash> {
  const fileSystem = new SimulatedFileSystem(seed)
  fileSystem.ignoresSync = options.ignoresSync ?? false
  fileSystem.crashAt = crashAt
  const crash = fileSystem.untilCrash()
  const clock = new SimulatedClock()
  let workload: Workload | null = null
  let client: NatsConnection | null = null
  const work = async (): Promise<void> => {
    const running = await start(fileSystem, clock)
    client = running.nc
    workload = new Workload(seed, running)
    await workload.run()
    if (seed % 2 === 0) await running.server.stop()
    fileSystem.hasCrashed = true
  }
  let trouble = ''
  const working = work().catch((error: Error) => {
    // What it still tries with a server that has no disk any more is of no interest.
    if (!fileSystem.hasCrashed) trouble = `wrong: the work was refused: ${error.message}`
  })
  await Promise.race([working, crash])
  const known = (workload as Workload | null)?.known ?? new Knowledge()
  const { acknowledged } = known
  const crashed = fileSystem.operations >= crashAt
  // Nobody waits for the server that has no disk any more.
  void (client as NatsConnection | null)?.close().catch(() => {})
  const place = `seed ${seed}, crash at operation ${crashAt}`
  const later = new SimulatedClock(clock.now() + 1000)
  if (trouble !== '') return { crashed, acknowledged, failure: `${trouble} (${place})` }
  let after: Running | null = null
  try {
    after = await start(fileSystem.restart(seed + crashAt), later)
    await verify(after, known)
    return { crashed, acknowledged, failure: null }
  } catch (thrown) {
    return { crashed, acknowledged, failure: `${(thrown as Error).message} (${place})` }
  } finally {
    await after?.nc.close()
    await after?.server.stop()
  }
}
