/** Parts of the workload that a power failure under a whole server interrupts: each knows what it was told, and checks it. */
import { jetstreamManager } from '@nats-io/jetstream'
import { headers, type NatsConnection } from '@nats-io/nats-core'
import { type Described, SnapshotReceiver, takeSnapshot } from '../../src/cli/transfer/snapshot.ts'
import type { Random } from '../../src/ports/random.ts'
import type { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import type { Server } from '../../src/server/index.ts'

/** A server on a simulated disk, and its client. */
export interface Running {
  server: Server
  nc: NatsConnection
  clock: SimulatedClock
}

export interface Part {
  setUp(running: Running): Promise<void>
  /** Does something; resolves when it was acknowledged. */
  step(running: Running, random: Random): Promise<void>
  /** Compares a server with what was acknowledged. @throws Error that begins with `lost` or `wrong` */
  verify(running: Running): Promise<void>
}

const MOST_TTL_S = 60
const MOST_TURNS = 1000

interface PubAck {
  seq: number
  count?: number
  error?: { description: string }
}

export async function publish(
  nc: NatsConnection,
  subject: string,
  body: string,
  head: [string, string][],
): Promise<PubAck> {
  const all = headers()
  for (const [name, value] of head) all.set(name, value)
  const answer = await nc.request(subject, body, { headers: all, timeout: 60_000 })
  const ack = answer.data.length === 0 ? { seq: 0 } : answer.json<PubAck>()
  if (ack.error !== undefined) throw new Error(ack.error.description)
  return ack
}

/** Live sequences of a stream with their contents. */
export async function contents(nc: NatsConnection, stream: string): Promise<Map<number, string>> {
  const jsm = await jetstreamManager(nc, { checkAPI: false })
  const found = new Map<number, string>()
  const { state } = await jsm.streams.info(stream)
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
    const message = await jsm.direct.getMessage(stream, { seq })
    if (message !== null) found.set(seq, message.string())
  }
  return found
}

/** Waits for what goes on by timers of a simulated clock. */
export async function whileTimeGoesOn<T>(clock: SimulatedClock, work: Promise<T>): Promise<T> {
  let isOver = false
  const end = () => {
    isOver = true
  }
  work.then(end, end)
  while (!isOver) {
    clock.advance(1)
    await new Promise(setImmediate)
  }
  return work
}

/** Times to live (ADR-43): what has ended is gone, what has not is there. */
export class Expiring implements Part {
  private readonly acknowledged = new Map<number, { body: string; endMs: number }>()

  async setUp({ nc }: Running): Promise<void> {
    const jsm = await jetstreamManager(nc, { checkAPI: false })
    await jsm.streams.add({ name: 'TTLS', subjects: ['ttl'], allow_direct: true, allow_msg_ttl: true })
  }

  async step({ nc, clock }: Running, random: Random): Promise<void> {
    await Promise.all(
      Array.from({ length: 1 + random.below(4) }, async () => {
        const ttl = 1 + random.below(MOST_TTL_S)
        const body = `ends after ${ttl} s`
        const sentMs = clock.now()
        const { seq } = await publish(nc, 'ttl', body, [['Nats-TTL', `${ttl}s`]])
        this.acknowledged.set(seq, { body, endMs: sentMs + ttl * 1000 })
      }),
    )
  }

  async verify({ nc, clock }: Running): Promise<void> {
    await this.compare(nc, clock)
    clock.advance((MOST_TTL_S * 1000) / 2)
    await this.compare(nc, clock)
    clock.advance((MOST_TTL_S * 1000) / 2 + 100)
    for (let i = 0; i < MOST_TURNS; i++) if ((await contents(nc, 'TTLS')).size === 0) return
    throw new Error('wrong: messages are there though their time to live is over')
  }

  private async compare(nc: NatsConnection, clock: SimulatedClock): Promise<void> {
    const found = await contents(nc, 'TTLS')
    for (const [seq, { body, endMs }] of this.acknowledged) {
      // The server's clock may have gone on while the message was on its way.
      if (endMs <= clock.now()) continue
      if (!found.has(seq)) throw new Error(`lost: ${seq} of TTLS was to end later`)
      if (found.get(seq) !== body) throw new Error(`wrong: ${seq} of TTLS has the content of another`)
    }
  }
}

/** Atomic batches (ADR-50): whole or not at all. */
export class Batches implements Part {
  private readonly sizes = new Map<string, number>()
  private readonly acknowledged = new Map<string, number>()

  async setUp({ nc }: Running): Promise<void> {
    const jsm = await jetstreamManager(nc, { checkAPI: false })
    const config = { name: 'BATCHES', subjects: ['batch'], allow_direct: true, allow_atomic: true }
    await jsm.streams.add(config as Parameters<typeof jsm.streams.add>[0])
  }

  async step({ nc }: Running, random: Random): Promise<void> {
    const id = `batch-${this.sizes.size}`
    const size = 2 + random.below(5)
    this.sizes.set(id, size)
    for (let i = 1; i < size; i++) await this.publish(nc, id, i, [])
    const { seq, count } = await this.publish(nc, id, size, [['Nats-Batch-Commit', '1']])
    if (count !== size) throw new Error(`wrong: ${count} of ${size} messages of a batch were stored`)
    this.acknowledged.set(id, seq)
  }

  async verify({ nc }: Running): Promise<void> {
    const found = new Map<string, number[]>()
    for (const [seq, body] of await contents(nc, 'BATCHES')) {
      const [id, number] = body.split(' ')
      const seqs = found.get(id) ?? []
      found.set(id, seqs)
      if (seqs.push(seq) !== Number(number)) throw new Error(`wrong: order in ${id}`)
    }
    for (const [id, seqs] of found) {
      if (seqs.length !== this.sizes.get(id))
        throw new Error(`wrong: ${seqs.length} messages of ${id} are there`)
    }
    for (const [id, seq] of this.acknowledged) {
      if (found.get(id)?.at(-1) !== seq) throw new Error(`lost: ${id}`)
    }
  }

  private publish(nc: NatsConnection, id: string, number: number, head: [string, string][]): Promise<PubAck> {
    return publish(nc, 'batch', `${id} ${number}`, [
      ['Nats-Batch-Id', id],
      ['Nats-Batch-Sequence', `${number}`],
      ...head,
    ])
  }
}

/** A stream is backed up, deleted, and restored: it is there whole, or not at all. */
export class Restored implements Part {
  private size = 0
  /** A deletion was asked for, and the restore after it was not confirmed. */
  private isBetween = false

  async setUp({ nc }: Running): Promise<void> {
    const jsm = await jetstreamManager(nc, { checkAPI: false })
    await jsm.streams.add({ name: 'MOVED', subjects: ['moved'], allow_direct: true })
    await jsm.consumers.add('MOVED', { durable_name: 'reader', ack_policy: 'explicit' })
  }

  async step({ nc, clock }: Running, random: Random): Promise<void> {
    for (let i = random.below(3); i >= 0; i--) {
      await publish(nc, 'moved', `${this.size + 1}`, [])
      this.size++
    }
    const chunks: Uint8Array[] = []
    let described: Described | null = null
    const snapshot = takeSnapshot(
      nc,
      'MOVED',
      { consumers: true },
      async (what) => {
        described = what
      },
      async (chunk) => {
        chunks.push(chunk.slice())
      },
    )
    await whileTimeGoesOn(clock, snapshot)
    const jsm = await jetstreamManager(nc, { checkAPI: false })
    this.isBetween = true
    await jsm.streams.delete('MOVED')
    const receiver = await SnapshotReceiver.begin(nc, described as unknown as Described)
    for (const chunk of chunks) await receiver.write(chunk)
    await receiver.end()
    this.isBetween = false
  }

  async verify({ nc }: Running): Promise<void> {
    const jsm = await jetstreamManager(nc, { checkAPI: false })
    const info = await jsm.streams.info('MOVED').catch(() => null)
    if (info === null) {
      if (!this.isBetween) throw new Error('lost: MOVED')
      return
    }
    const found = await contents(nc, 'MOVED')
    // One that was published, and not acknowledged, may be there.
    if (found.size < this.size || found.size > this.size + 1)
      throw new Error(
        `${found.size < this.size ? 'lost' : 'wrong'}: ${found.size} of ${this.size} messages of MOVED are there`,
      )
    for (const [seq, body] of found)
      if (body !== `${seq}`) throw new Error(`wrong: ${seq} of MOVED is ${body}`)
    await jsm.consumers.info('MOVED', 'reader').catch(() => {
      throw new Error('lost: the consumer of MOVED')
    })
  }
}
