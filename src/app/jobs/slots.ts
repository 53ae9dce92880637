/**
 * How many jobs run at a time over all processes: a stream with as many messages, the slots. Who has one (delivered, not
 * acknowledged) may run a job, and puts it back (nak) for the next who asks. A process that dies has its slots taken away after
 * their ack wait.
 */
import { AckPolicy, DeliverPolicy, DiscardPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import { createInbox, type Msg, type Subscription } from '@nats-io/nats-core'
import { isApiError, translated, WRONG_LAST_SEQUENCE } from '../client-errors.ts'
import { declareConsumer } from '../consumer/declaring.ts'
import type { Runtime } from '../runtime.ts'
import { declareStream } from '../stores/declaring.ts'
import { NS_PER_MS } from '../units.ts'
import type { Permits } from './gate.ts'
import type { QueueNames } from './names.ts'

const CONSUMER = 'slots'
/** A slot is given to another when nothing was heard of its holder for so long, or as long as for a job if that is less. */
const MOST_ACK_WAIT_MS = 10_000
/** That it is held is said when this part of it has gone by. */
const KEEP_PART = 4
/** How long a request for slots waits at the server. */
const EXPIRES_MS = 30_000
/** How long a slot is kept that nobody here needs at present. */
const LINGER_MS = 50

export class Slots implements Permits {
  readonly #runtime: Runtime
  readonly #names: QueueNames
  readonly #count: number
  /** Where each slot that is here is given back. */
  #free: string[] = []
  #used: string[] = []
  /** Jobs that run here though their slots were given to others. */
  #gone = 0
  #lostAt = 0
  #wanted = 0
  #asked = 0
  #inbox: Subscription | null = null
  #askedUntil = 0
  #keeping: NodeJS.Timeout | undefined
  #lingering: NodeJS.Timeout | undefined
  #isStopped = false
  #forgetConnection: () => void = () => {}
  onMore: () => void = () => {}

  readonly #ackWaitMs: number

  constructor(names: QueueNames, count: number, ackWaitMs: number, runtime: Runtime) {
    this.#names = names
    this.#count = count
    this.#ackWaitMs = Math.min(ackWaitMs, MOST_ACK_WAIT_MS)
    this.#runtime = runtime
  }

  get #stream(): string {
    return `${this.#names.stream}_SLOTS`
  }

  /** Makes as many slots as there are to be; the last who says so is right. */
  async open(): Promise<void> {
    const { jsm, js, replicas } = this.#runtime
    await translated(`The slots of the queue "${this.#names.queue}" can't be made`, async () => {
      await declareStream(
        this.#runtime,
        `the stream "${this.#stream}"`,
        {
          name: this.#stream,
          subjects: [this.#subject('*')],
          retention: RetentionPolicy.Limits,
          storage: StorageType.File,
          discard: DiscardPolicy.Old,
          max_msgs_per_subject: 1,
          num_replicas: replicas ?? 1,
          description: `Jobs of the queue ${this.#names.queue} that may run at a time`,
        },
        'ensure',
      )
      const { state } = await jsm.streams.info(this.#stream, { subjects_filter: '>' })
      const there = new Set(Object.keys(state.subjects ?? {}))
      for (let i = 0; i < this.#count; i++) {
        const subject = this.#subject(String(i))
        if (there.delete(subject)) continue
        // Two that start at a time make it once.
        await js.publish(subject, '', { expect: { lastSubjectSequence: 0 } }).catch((thrown) => {
          if (!isApiError(thrown, ...WRONG_LAST_SEQUENCE)) throw thrown
        })
      }
      for (const subject of there) await jsm.streams.purge(this.#stream, { filter: subject })
      const config = {
        durable_name: CONSUMER,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        ack_wait: this.#ackWaitMs * NS_PER_MS,
        max_ack_pending: 100_000,
      }
      await declareConsumer(this.#runtime, this.#stream, config, 'ensure')
    })
    this.#keeping = setInterval(() => this.#keep(), this.#ackWaitMs / KEEP_PART).unref()
    this.#forgetConnection = this.#runtime.onConnection((event) => {
      if (event === 'disconnected') this.#lostAt = performance.now()
      if (event === 'reconnected') this.#isBack()
    })
  }

  get available(): number {
    return this.#free.length
  }

  want(count: number): void {
    this.#wanted = count
    if (count > this.#free.length) this.#ask()
    else if (count === 0 && this.#free.length > 0) this.#linger()
  }

  take(): void {
    this.#used.push(this.#free.pop() as string)
  }

  giveBack(): void {
    if (this.#gone > 0) {
      this.#gone--
      return
    }
    // Whichever: they are all the same.
    const slot = this.#used.pop()
    if (slot !== undefined) this.#free.push(slot)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#keeping)
    clearTimeout(this.#lingering)
    this.#forgetConnection()
    this.#cancel()
    for (const slot of [...this.#free, ...this.#used]) this.#putBack(slot)
    this.#free = []
    this.#used = []
  }

  /** What was asked for is forgotten there; and away for too long others have the slots. */
  #isBack(): void {
    this.#askedUntil = 0
    if (performance.now() - this.#lostAt >= this.#ackWaitMs) {
      this.#gone += this.#used.length
      this.#free = []
      this.#used = []
    }
    this.#ask()
  }

  /** Asks the server for as many as are missing; what is on its way already counts. */
  #ask(): void {
    if (this.#isStopped || !this.#runtime.isConnected()) return
    const now = performance.now()
    if (now >= this.#askedUntil) this.#asked = 0
    const missing = this.#wanted - this.#free.length - this.#asked
    if (missing <= 0) return
    const { nc } = this.#runtime
    if (this.#asked === 0) {
      this.#cancel()
      const inbox = nc.subscribe(createInbox(), {
        callback: (error, raw) => {
          if (error === null) this.#receive(raw, inbox)
        },
      })
      this.#inbox = inbox
      this.#askedUntil = now + EXPIRES_MS
    }
    this.#asked += missing
    const expires = Math.max(1, Math.round(this.#askedUntil - now)) * NS_PER_MS
    nc.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${this.#stream}.${CONSUMER}`,
      `{"batch":${missing},"expires":${expires}}`,
      { reply: this.#inbox?.getSubject() },
    )
  }

  #receive(raw: Msg, inbox: Subscription): void {
    if (inbox !== this.#inbox) {
      if (raw.reply) this.#putBack(raw.reply)
      return
    }
    if (!raw.reply) {
      // The request's time is over, or it was refused: it is asked again when the clock says so.
      return
    }
    this.#asked = Math.max(0, this.#asked - 1)
    this.#free.push(raw.reply)
    this.onMore()
    if (this.#wanted === 0) this.#linger()
  }

  /** Says that those that are here are held; looks whether some are still to be asked for. */
  #keep(): void {
    for (const slot of [...this.#free, ...this.#used]) this.#runtime.nc.publish(slot, '+WPI')
    if (this.#wanted > this.#free.length) this.#ask()
  }

  /** What nobody here needs goes back soon. */
  #linger(): void {
    this.#lingering ??= setTimeout(() => {
      this.#lingering = undefined
      if (this.#wanted > 0) return
      for (const slot of this.#free.splice(0)) this.#putBack(slot)
      this.#cancel()
    }, LINGER_MS).unref()
  }

  /** What was asked for is not wanted any more; what is on its way to us goes back when it comes. */
  #cancel(): void {
    const inbox = this.#inbox
    this.#inbox = null
    this.#asked = 0
    this.#askedUntil = 0
    inbox?.drain().catch(() => {})
  }

  #putBack(slot: string): void {
    if (!this.#runtime.nc.isClosed()) this.#runtime.nc.publish(slot, '-NAK')
  }

  #subject(slot: string): string {
    return `contrail.slots.${this.#names.queue}.${slot}`
  }
}
