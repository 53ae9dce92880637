/** Mirrors, sources, transforms, republish and counters on a server that is killed: zero lost, zero twice. */
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import { headers, type NatsConnection } from '@nats-io/nats-core'

const PATIENCE_MS = 20_000
const COUNTERS = 3

/** What the server has said that it has, in this round. */
interface Told {
  /** Body by sequence in the stream with the name. */
  S: Map<number, string>
  QUEUED: Map<number, string>
  /** Copies that somebody got, by their sequence in SOURCED. */
  republished: Map<number, string>
}

/**
 * Beside `S`, its mirror and a stream that sources it by a transform and publishes again what it takes; a work queue that is sourced;
 * and counters that are summed up. A source takes each message once, so that the sequences of both go along with each other.
 */
export class CopiesKilled {
  private told: Told = { S: new Map(), QUEUED: new Map(), republished: new Map() }
  /** Increments by counter: confirmed, and asked for. */
  private readonly confirmed = new Array<number>(COUNTERS).fill(0)
  private readonly asked = new Array<number>(COUNTERS).fill(0)

  get acknowledged(): number {
    const { S, QUEUED, republished } = this.told
    return S.size + QUEUED.size + republished.size + this.confirmed.reduce((sum, each) => sum + each, 0)
  }

  async layOut(jsm: JetStreamManager): Promise<void> {
    await jsm.streams.add({ name: 'QUEUED', subjects: ['queued'], retention: 'workqueue' })
    await jsm.streams.add({ name: 'COUNTS', subjects: ['counts.*'], allow_msg_counter: true })
    await jsm.streams.add({ name: 'MIRRORED', mirror: { name: 'S' } })
    await jsm.streams.add({
      name: 'SOURCED',
      sources: [{ name: 'S', subject_transforms: [{ src: 's.*', dest: 'sourced.{{wildcard(1)}}' }] }],
      republish: { src: 'sourced.>', dest: 'again.sourced.>' },
    })
    await jsm.streams.add({ name: 'TAKEN', sources: [{ name: 'QUEUED' }] })
    await jsm.streams.add({ name: 'SUM', sources: [{ name: 'COUNTS' }], allow_msg_counter: true })
  }

  /** A message was acknowledged in `S`. */
  stored(seq: number, body: string): void {
    this.told.S.set(seq, body)
  }

  async run(nc: NatsConnection, js: JetStreamClient, round: number, isOver: () => boolean): Promise<void> {
    nc.subscribe('again.>', {
      callback: (error, message) => {
        const seq = Number(message?.headers?.get('Nats-Sequence'))
        if (error === null) this.told.republished.set(seq, message.string())
      },
    })
    await Promise.allSettled([this.queue(js, round, isOver), this.count(js, isOver)])
  }

  private async queue(js: JetStreamClient, round: number, isOver: () => boolean): Promise<void> {
    for (let i = 0; !isOver(); i++) {
      const body = `${round}.${i}`
      const { seq } = await js.publish('queued', body, { timeout: 2000 })
      this.told.QUEUED.set(seq, body)
    }
  }

  private async count(js: JetStreamClient, isOver: () => boolean): Promise<void> {
    const one = headers()
    one.set('Nats-Incr', '+1')
    for (let i = 0; !isOver(); i++) {
      this.asked[i % COUNTERS]++
      await js.publish(`counts.${i % COUNTERS}`, '', { headers: one, timeout: 2000 })
      this.confirmed[i % COUNTERS]++
    }
  }

  /** What does not hold. */
  async check(jsm: JetStreamManager, wrong: string[]): Promise<void> {
    const { S, QUEUED, republished } = this.told
    this.told = { S: new Map(), QUEUED: new Map(), republished: new Map() }
    const last = async (stream: string): Promise<number> => (await jsm.streams.info(stream)).state.last_seq
    for (const [stream, origin] of [
      ['MIRRORED', 'S'],
      ['SOURCED', 'S'],
      ['TAKEN', 'QUEUED'],
      ['SUM', 'COUNTS'],
    ]) {
      const total = await last(origin)
      const until = Date.now() + PATIENCE_MS
      while ((await last(stream)) < total && Date.now() < until)
        await new Promise((done) => setTimeout(done, 10))
      const copied = await last(stream)
      if (copied < total) wrong.push(`${stream} ends at ${copied}, its origin at ${total}: it was lost`)
      else if (copied > total) wrong.push(`${stream} has ${copied} of ${total}: some twice`)
    }
    await this.checkBodies(jsm, 'MIRRORED', S, wrong)
    await this.checkBodies(jsm, 'SOURCED', S, wrong)
    await this.checkBodies(jsm, 'SOURCED', republished, wrong)
    await this.checkBodies(jsm, 'TAKEN', QUEUED, wrong)
    await this.checkCounters(jsm, wrong)
    // What is taken over is acknowledged within a heartbeat or two.
    const until = Date.now() + PATIENCE_MS
    while ((await jsm.streams.info('QUEUED')).state.messages > 0 && Date.now() < until)
      await new Promise((done) => setTimeout(done, 50))
    const { messages } = (await jsm.streams.info('QUEUED')).state
    if (messages > 0) wrong.push(`${messages} that were taken over are in the work queue still`)
  }

  private async checkBodies(
    jsm: JetStreamManager,
    stream: string,
    bodies: ReadonlyMap<number, string>,
    wrong: string[],
  ): Promise<void> {
    for (const [seq, body] of bodies) {
      const message = await jsm.streams.getMessage(stream, { seq }).catch(() => null)
      if (message === null) wrong.push(`message ${seq} of ${stream} is gone`)
      else if (message.string() !== body) wrong.push(`message ${seq} of ${stream} is wrong`)
    }
  }

  private async checkCounters(jsm: JetStreamManager, wrong: string[]): Promise<void> {
    const countOf = async (stream: string, subject: string): Promise<number> => {
      const message = await jsm.streams.getMessage(stream, { last_by_subj: subject }).catch(() => null)
      return message === null ? 0 : Number(message.json<{ val: string }>().val)
    }
    for (let i = 0; i < COUNTERS; i++) {
      const value = await countOf('COUNTS', `counts.${i}`)
      if (value < this.confirmed[i])
        wrong.push(`counter ${i}: ${this.confirmed[i]} was confirmed, ${value} was lost`)
      if (value > this.asked[i]) wrong.push(`counter ${i}: ${value} of ${this.asked[i]} that were asked for`)
      const sum = await countOf('SUM', `counts.${i}`)
      if (sum !== value) wrong.push(`counter ${i} is ${value}, and ${sum} where it is summed up`)
      // What was asked for and not answered may have come, and is not counted again.
      this.confirmed[i] = value
      this.asked[i] = value
    }
  }
}
