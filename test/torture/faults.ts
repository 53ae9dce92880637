/**
 * Every call of the file system fails in turn, once or for a while, under a whole server with a client: reading and writing,
 * at a start and in use. What the client had been told is true during the fault, after it, and after a restart.
 */
import { jetstreamManager, StoreCompression } from '@nats-io/jetstream'
import type { Msg, NatsConnection } from '@nats-io/nats-core'
import { Random } from '../../src/ports/random.ts'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { Server } from '../../src/server/index.ts'
import { SMALL_LIMITS } from '../storage/small-limits.ts'
import type { Outcome } from './main.ts'

const LIMITS = { ...SMALL_LIMITS, firstJournalBytes: 4096, layoutBytes: 4096, journalBytes: 16_384 }
export const CODES = ['EMFILE', 'EIO', 'ENOSPC', 'EDQUOT', 'EACCES', 'ENOMEM', 'short'] as const
export type Code = (typeof CODES)[number] | 'ENOENT'
/** Calls in a row that fail; the last: until it is healed. */
const LENGTHS = [1, 1, 25, Number.POSITIVE_INFINITY]
const STEPS_BEFORE = 14
const STEPS = 14
const SUBJECTS = 3
const KEYS = 4
const REDELIVERY_MS = 31_000
/** An answer may take so many turns, each a tenth of a second of the server's clock. */
const MOST_TURNS = 40
const TURN_MS = 100
const HEAL_TURNS = 60

export interface FaultRun {
  /** Did it come to the call that was to fail? */
  reached: boolean
  faults: number
  acknowledged: number
  /** Begins with 'lost' or 'wrong'; null: all is well. */
  failure: string | null
}

class Unanswered extends Error {}

class Client {
  acknowledged = 0
  /** Acknowledged messages by sequence, and those whose removal was asked for. */
  private readonly events = new Map<number, string>()
  private readonly removing = new Set<number>()
  private readonly removed = new Set<number>()
  private readonly jobs = new Set<string>()
  private readonly doing = new Set<string>()
  private readonly done = new Set<string>()
  private readonly keys = new Map<string, string>()
  /** What was asked to be put to a key, the oldest first. */
  private readonly asked = new Map<string, string[]>()
  private readonly random: Random
  private readonly clock: SimulatedClock
  private sent = 0

  constructor(seed: number, clock: SimulatedClock) {
    this.random = new Random(seed)
    this.clock = clock
  }

  async setUp(nc: NatsConnection): Promise<void> {
    const jsm = await jetstreamManager(nc)
    await jsm.streams.add({
      name: 'EVENTS',
      subjects: ['events.*'],
      allow_direct: true,
      compression: StoreCompression.S2,
    })
    await jsm.streams.add({ name: 'JOBS', subjects: ['jobs.*'], retention: 'workqueue' })
    await jsm.consumers.add('JOBS', { durable_name: 'worker', ack_policy: 'explicit' })
    await jsm.streams.add({
      name: 'KEYS',
      subjects: ['keys.*'],
      max_msgs_per_subject: 1,
      allow_direct: true,
    })
    await jsm.streams.add({ name: 'OLD', subjects: ['old'] })
  }

  async run(nc: NatsConnection, steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      await this.step(nc).catch((error: Error) => {
        if (/^(lost|wrong)/.test(error.message)) throw error
      })
      this.clock.advance(this.random.below(300))
    }
  }

  private async step(nc: NatsConnection): Promise<void> {
    const { random } = this
    const dice = random.next()
    if (dice < 0.3) await this.publish(nc, 1 + random.below(8))
    else if (dice < 0.45) await this.queue(nc, 1 + random.below(5))
    else if (dice < 0.6) await this.work(nc)
    else if (dice < 0.75) for (let i = random.below(4); i >= 0; i--) await this.put(nc)
    else if (dice < 0.82) await this.remove(nc)
    else if (dice < 0.95) await this.read(nc)
    else await this.answer(nc, '$JS.API.STREAM.DELETE.OLD', '')
  }

  private async publish(nc: NatsConnection, count: number): Promise<void> {
    const payloads = Array.from(
      { length: count },
      () => `event ${++this.sent} ${'x'.repeat(this.random.below(200))}`,
    )
    await Promise.all(
      payloads.map(async (payload) => {
        const subject = `events.${this.random.below(SUBJECTS)}`
        this.events.set((await this.stored(nc, subject, payload)).seq, payload)
      }),
    )
  }

  private async queue(nc: NatsConnection, count: number): Promise<void> {
    const payloads = Array.from({ length: count }, () => `job ${++this.sent}`)
    await Promise.all(
      payloads.map(async (payload) => {
        await this.stored(nc, `jobs.${this.random.below(SUBJECTS)}`, payload)
        this.jobs.add(payload)
      }),
    )
  }

  private async put(nc: NatsConnection): Promise<void> {
    const key = `keys.${this.random.below(KEYS)}`
    const value = `value ${++this.sent}`
    this.asked.set(key, [...(this.asked.get(key) ?? []), value])
    await this.stored(nc, key, value)
    this.keys.set(key, value)
  }

  private async stored(nc: NatsConnection, subject: string, payload: string): Promise<{ seq: number }> {
    const ack = (await this.answer(nc, subject, payload)).json<{ seq: number; error?: object }>()
    if (ack.error !== undefined) throw new Error('refused')
    this.acknowledged++
    return ack
  }

  private async work(nc: NatsConnection): Promise<void> {
    for (const message of await this.fetch(nc)) {
      const job = message.string()
      if (this.done.has(job)) throw new Error(`wrong: ${job} was confirmed and comes again`)
      if (this.random.chance(0.4)) continue
      this.doing.add(job)
      await this.answer(nc, message.reply as string, '+ACK')
      this.done.add(job)
      this.acknowledged++
    }
  }

  /** As many jobs as there are for now. */
  private async fetch(nc: NatsConnection): Promise<Msg[]> {
    const got: Msg[] = []
    const inbox = `fetch.${++this.sent}`
    let isOver = false
    const subscription = nc.subscribe(inbox, {
      callback: (_, message) => {
        if (message.headers?.code) isOver = true
        else got.push(message)
      },
    })
    nc.publish('$JS.API.CONSUMER.MSG.NEXT.JOBS.worker', '{"batch":50,"no_wait":true}', { reply: inbox })
    for (let turn = 0; turn < MOST_TURNS && !isOver && got.length < 50; turn++) await this.turn()
    subscription.unsubscribe()
    return got
  }

  private async remove(nc: NatsConnection): Promise<void> {
    const seq = [...this.events.keys()].find((each) => !this.removing.has(each))
    if (seq === undefined) return
    this.removing.add(seq)
    const answer = await this.answer(
      nc,
      '$JS.API.STREAM.MSG.DELETE.EVENTS',
      JSON.stringify({ seq, no_erase: true }),
    )
    if (answer.json<{ success?: boolean }>().success === true) this.removed.add(seq)
  }

  /** What is asked for during a fault is answered rightly, or by an error. */
  private async read(nc: NatsConnection): Promise<void> {
    const seqs = [...this.events.keys()]
    if (seqs.length === 0) return
    await this.readOne(nc, seqs[this.random.below(seqs.length)], true)
    const info = (await this.answer(nc, '$JS.API.STREAM.INFO.EVENTS', '')).json<{
      error?: object
      state?: { messages: number; lost?: object }
    }>()
    if (info.state === undefined) return
    const least = this.events.size - this.removing.size
    if (info.state.messages < least) throw new Error(`lost: ${info.state.messages} of ${least} are told`)
    if (info.state.lost !== undefined) throw new Error('lost: the stream says so')
  }

  private async readOne(nc: NatsConnection, seq: number, mayFail: boolean): Promise<void> {
    const found = await this.answer(nc, '$JS.API.DIRECT.GET.EVENTS', JSON.stringify({ seq }))
    const code = found.headers?.code ?? 0
    if (code === 404) {
      if (!this.removing.has(seq)) throw new Error(`lost: message ${seq}`)
    } else if (code !== 0) {
      if (!mayFail)
        throw new Error(`wrong: message ${seq} can't be read: ${code} ${found.headers?.description}`)
    } else if (found.string() !== this.events.get(seq)) {
      throw new Error(`wrong: ${seq} is ${found.string().slice(0, 40)}`)
    } else if (this.removed.has(seq)) throw new Error(`wrong: ${seq} was removed and is there`)
  }

  /** @throws Error that begins with 'lost' or 'wrong' */
  async verify(nc: NatsConnection): Promise<void> {
    for (const seq of this.events.keys()) await this.readOne(nc, seq, false)
    for (const [key, value] of this.keys) {
      const found = await this.answer(nc, `$JS.API.DIRECT.GET.KEYS.${key}`, '')
      const asked = this.asked.get(key) ?? []
      const isLater = asked.indexOf(found.string()) >= asked.indexOf(value)
      if (!isLater) throw new Error(`lost: ${key} was ${value} and is ${found.string()}`)
    }
    const counted = await this.answer(nc, '$JS.API.STREAM.INFO.KEYS', '')
    const { state } = counted.json<{ state: { messages: number } }>()
    if (state.messages > KEYS) throw new Error(`wrong: ${state.messages} messages of ${KEYS} keys`)
    // Everything that is still to be done comes again, and nothing that was confirmed.
    const jobs: string[] = []
    for (let round = 0; round < 2; round++) {
      this.clock.advance(REDELIVERY_MS)
      for (const message of await this.fetch(nc)) jobs.push(message.string())
    }
    for (const job of jobs)
      if (this.done.has(job)) throw new Error(`wrong: ${job} was confirmed and comes again`)
    for (const job of this.jobs) {
      if (!this.doing.has(job) && !jobs.includes(job)) throw new Error(`lost: ${job} does not come again`)
    }
  }

  /** Is something stored again? */
  async takes(nc: NatsConnection): Promise<boolean> {
    return this.publish(nc, 1).then(
      () => true,
      () => false,
    )
  }

  async turn(): Promise<void> {
    for (let i = 0; i < 4; i++) await new Promise(setImmediate)
    this.clock.advance(TURN_MS)
  }

  /** An answer while the server's time goes on. @throws Unanswered */
  private async answer(nc: NatsConnection, subject: string, payload: string): Promise<Msg> {
    let answer: Msg | Error | null = null
    nc.request(subject, payload, { timeout: 120_000 }).then(
      (message) => {
        answer = message
      },
      (error: Error) => {
        answer = error
      },
    )
    for (let turn = 0; turn < MOST_TURNS && answer === null; turn++) {
      await new Promise(setImmediate)
      if (answer === null) await this.turn()
    }
    if (answer === null) throw new Unanswered('no answer')
    if ((answer as unknown) instanceof Error) throw answer
    return answer
  }
}

interface Running {
  server: Server
  nc: NatsConnection
}

/** One in four is synced now and then only. */
const SYNC_INTERVAL_MS = 500

async function start(seed: number, fileSystem: SimulatedFileSystem, clock: SimulatedClock): Promise<Running> {
  const server = await Server.start({
    storeDir: '/store',
    clock,
    storage: { fileSystem, limits: LIMITS },
    ...(seed % 4 === 3 ? { syncInterval: SYNC_INTERVAL_MS } : {}),
  })
  return { server, nc: await server.connect({ reconnect: false }) }
}

/** The call number `at` after a restart fails, and `length` in all. */
export async function failOnce(seed: number, at: number, code: Code, length: number): Promise<FaultRun> {
  const clock = new SimulatedClock()
  const client = new Client(seed, clock)
  let fileSystem = new SimulatedFileSystem(seed)
  const failed: string[] = []
  let isFatal = false
  let calls = 0
  let running: Running | null = null
  try {
    running = await start(seed, fileSystem, clock)
    await client.setUp(running.nc)
    await client.run(running.nc, STEPS_BEFORE)
    await end(running, fileSystem, seed % 2 === 0)
    fileSystem = fileSystem.afterKill(seed)
    fileSystem.fault = (operation, path) => {
      calls++
      if (calls < at || calls >= at + length) return null
      failed.push(`${operation} ${path.slice(path.lastIndexOf('/') + 1)}`)
      const isWriting = !/read|exists|size|list|lock/i.test(operation)
      if (
        (/sync/i.test(operation) && operation !== 'writeSync') ||
        (isWriting && (code === 'EIO' || code === 'short'))
      )
        isFatal = true
      return code === 'short' ? 'short' : Object.assign(new Error(`${code}: no, ${operation}`), { code })
    }
    running = await start(seed, fileSystem, clock).catch(() => null)
    if (running === null) {
      fileSystem.fault = null
      running = await start(seed, fileSystem, clock)
      fileSystem.fault = () => {
        calls++
        return null
      }
    }
    await client.run(running.nc, STEPS)
    fileSystem.fault = null
    let takes = false
    for (let turn = 0; turn < HEAL_TURNS && !takes; turn++) {
      await client.turn()
      if (turn % 10 === 9) takes = await client.takes(running.nc)
    }
    if (takes) await client.verify(running.nc)
    else if (!isFatal) throw new Error('wrong: nothing is stored after the fault')
    await end(running, fileSystem, seed % 3 === 0)
    running = await start(seed, fileSystem.afterKill(seed + 1), clock)
    await client.verify(running.nc)
    if (!(await client.takes(running.nc))) throw new Error('wrong: nothing is stored after the restart')
    await end(running, fileSystem, true)
    return { reached: calls >= at, faults: failed.length, acknowledged: client.acknowledged, failure: null }
  } catch (thrown) {
    const where = `seed ${seed}, ${code} at call ${at}, ${length} long: ${[...new Set(failed)].slice(0, 4).join(', ')}`
    await running?.nc.close().catch(() => {})
    const { message } = thrown as Error
    const failure = /^(lost|wrong)/.test(message) ? message : `wrong: ${message}`
    return {
      reached: true,
      faults: failed.length,
      acknowledged: client.acknowledged,
      failure: `${failure} (${where})`,
    }
  }
}

/** Stops the server, or ends it as a kill does. */
async function end(
  { server, nc }: Running,
  fileSystem: SimulatedFileSystem,
  isClean: boolean,
): Promise<void> {
  if (isClean) {
    await nc.close()
    await server.stop()
    return
  }
  fileSystem.hasCrashed = true
  void nc.close().catch(() => {})
}

export async function faults(
  points: number,
  seed: number,
  progress: (text: string) => void,
): Promise<Outcome> {
  const failures: string[] = []
  let tried = 0
  let given = 0
  let acknowledged = 0
  for (let round = seed; tried < points; round++) {
    for (let at = 1; tried < points; at++) {
      const code = CODES[(at + round) % CODES.length]
      const result = await failOnce(round, at, code, LENGTHS[(at + 3 * round) % LENGTHS.length])
      if (!result.reached) break
      tried++
      given += result.faults
      acknowledged += result.acknowledged
      if (result.failure !== null) failures.push(result.failure)
      if (tried % 20 === 0) progress(`faults: ${tried} of ${points}, ${failures.length} failures`)
    }
  }
  return {
    part: 'faults of the file system',
    tried: `${tried} calls that fail (${given} failures of ${CODES.join(', ')})`,
    acknowledged: `${acknowledged} messages and acks`,
    lost: failures.filter((text) => text.startsWith('lost')).length,
    wrong: failures.filter((text) => text.startsWith('wrong')).length,
    failures,
  }
}
