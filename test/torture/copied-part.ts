/** Mirrors and sources in the workload that a power failure interrupts: zero lost, zero twice. */
import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import type { Random } from '../../src/ports/random.ts'
import { contents, type Part, publish, type Running, whileTimeGoesOn } from './jetstream-parts.ts'

/** What is copied again stays in the stream for so many messages. */
const KEPT = 3
const PATIENCE_MS = 60_000

/**
 * An origin with a mirror, and with a stream that sources it and keeps next to nothing of that; and a work queue that is sourced, so that
 * what was taken over is gone from it.
 */
export class Copied implements Part {
  /** Acknowledged messages of the origin by sequence, and what the work queue was given. */
  private readonly acknowledged = new Map<number, string>()
  private readonly jobs = new Set<string>()
  /** Asked for, and maybe there. */
  private readonly asked = new Set<string>()
  private sent = 0

  async setUp({ nc }: Running): Promise<void> {
    const jsm = await jetstreamManager(nc, { checkAPI: false })
    await jsm.streams.add({ name: 'ORIGIN', subjects: ['origin.*'], allow_direct: true })
    await jsm.streams.add({ name: 'TASKS', subjects: ['tasks'], retention: 'workqueue' })
    await jsm.streams.add({ name: 'MIRRORED', mirror: { name: 'ORIGIN' }, allow_direct: true })
    await jsm.streams.add({ name: 'PASSING', sources: [{ name: 'ORIGIN' }], max_msgs: KEPT })
    await jsm.streams.add({ name: 'TAKEN', sources: [{ name: 'TASKS' }], allow_direct: true })
  }

  async step({ nc, clock }: Running, random: Random): Promise<void> {
    const jsm = await jetstreamManager(nc, { checkAPI: false })
    if (random.chance(0.1)) {
      await jsm.streams.purge('PASSING')
      return
    }
    await Promise.all(
      Array.from({ length: 1 + random.below(6) }, async (_, at) => {
        const body = `copy ${++this.sent}`
        this.asked.add(body)
        if (at % 3 === 2) {
          await publish(nc, 'tasks', body, [])
          this.jobs.add(body)
        } else {
          const { seq } = await publish(nc, `origin.${at}`, body, [])
          this.acknowledged.set(seq, body)
        }
      }),
    )
    // Heartbeats, and what is acknowledged by them.
    for (let i = random.below(3); i > 0; i--) {
      clock.advance(1000)
      await new Promise(setImmediate)
    }
  }

  async verify(running: Running): Promise<void> {
    const { nc, clock } = running
    await whileTimeGoesOn(
      clock,
      this.compare(nc, clock.now() + PATIENCE_MS, () => clock.now()),
    )
  }

  private async compare(nc: NatsConnection, untilMs: number, now: () => number): Promise<void> {
    const jsm = await jetstreamManager(nc, { checkAPI: false })
    const last = async (stream: string): Promise<number> => (await jsm.streams.info(stream)).state.last_seq
    const total = await last('ORIGIN')
    const isDone = async (): Promise<boolean> =>
      (await last('MIRRORED')) >= total &&
      (await last('PASSING')) >= total &&
      (await jsm.streams.info('TASKS')).state.messages === 0
    while (!(await isDone())) if (now() > untilMs) throw new Error('lost: copies do not come to their end')
    // A sequence for each that was taken over: another one would be of a message that comes twice.
    const passed = await last('PASSING')
    if (passed !== total) throw new Error(`wrong: ${passed} messages were sourced of ${total}`)
    const mirrored = await contents(nc, 'MIRRORED')
    const there = await contents(nc, 'ORIGIN')
    for (const [seq, body] of this.acknowledged)
      if (there.get(seq) !== body) throw new Error(`lost: message ${seq} of the origin`)
    for (const [seq, body] of there)
      if (mirrored.get(seq) !== body) throw new Error(`lost: message ${seq} of the mirror`)
    if (mirrored.size !== there.size) throw new Error('wrong: the mirror has more than its origin')
    const taken = [...(await contents(nc, 'TAKEN')).values()]
    if (new Set(taken).size !== taken.length) throw new Error('wrong: a job was taken over twice')
    for (const job of this.jobs) if (!taken.includes(job)) throw new Error(`lost: ${job} was not taken over`)
    for (const job of taken) if (!this.asked.has(job)) throw new Error(`wrong: ${job} was never sent`)
  }
}
