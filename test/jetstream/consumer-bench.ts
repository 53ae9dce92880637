import { Account } from '../../src/core/account.ts'
import { Turn } from '../../src/core/turn.ts'
import { NO_ACCOUNT_LIMITS } from '../../src/jetstream/config/account-limits.ts'
import { withDefaults } from '../../src/jetstream/config/consumer/fields.ts'
import { DEFAULT_JETSTREAM_LIMITS } from '../../src/jetstream/config/limits.ts'
import type { Consumer } from '../../src/jetstream/consumer/consumer.ts'
import { Consumers } from '../../src/jetstream/consumer/consumers.ts'
import {
  type ConsumedStream,
  type ConsumerAction,
  createConsumer,
} from '../../src/jetstream/consumer/create.ts'
import type { Clock, Timer } from '../../src/ports/index.ts'
import { NaiveLog } from './consumer-fakes.ts'

/** Time that moves only when the test says so. */
export class ManualClock implements Clock {
  ms = 1_700_000_000_000
  private timers: { at: number; callback: () => void }[] = []

  now(): number {
    return this.ms
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = { at: this.ms + delayMs, callback }
    this.timers.push(timer)
    return {
      clear: () => {
        this.timers = this.timers.filter((other) => other !== timer)
      },
    }
  }

  /** Fires what is due on the way, one after the other. */
  async advance(ms: number, afterEach: () => void): Promise<void> {
    const end = this.ms + ms
    for (;;) {
      const due = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.timers = this.timers.filter((timer) => timer !== due)
      this.ms = Math.max(this.ms, due.at)
      due.callback()
      afterEach()
    }
    this.ms = end
  }
}

/** What a client got. */
export interface Got {
  subject: string
  reply: string
  headers: string
  body: string
}

/** The numbers of an ack subject. */
export function ackInfo(reply: string): {
  deliveries: number
  seq: number
  consumerSeq: number
  pending: number
} {
  const [, , , , deliveries, seq, consumerSeq, , pending] = reply.split('.').map(Number)
  return { deliveries, seq, consumerSeq, pending }
}

/** A stream with a naive log, a real account and a clock of its own. */
export class ConsumerBench {
  readonly clock = new ManualClock()
  readonly turn = new Turn()
  readonly account: Account
  readonly log = new NaiveLog()
  readonly settled: number[] = []
  readonly stream: ConsumedStream
  /** Called when a message is settled. */
  onSettled: (seq: number) => void = () => {}

  constructor(config: Record<string, unknown> = {}) {
    this.account = new Account('$G', { turn: this.turn, clock: this.clock } as never)
    this.stream = {
      name: 'S',
      config: { name: 'S', subjects: ['>'], retention: 'limits', num_replicas: 1, ...config },
      log: this.log,
      clock: this.clock,
      consumers: new Consumers(this.log as never),
      consumerDeleted: (consumer: Consumer) => this.stream.consumers.delete(consumer.name),
      account: this.account,
      wantedAnew: () => {},
      usage: { limits: NO_ACCOUNT_LIMITS },
      host: {
        store: { barrier: (done: () => void) => done() },
        domain: '',
        limits: DEFAULT_JETSTREAM_LIMITS,
      },
      settled: (_consumer: Consumer, seq: number) => {
        this.settled.push(seq)
        this.onSettled(seq)
        return true
      },
    } as unknown as ConsumedStream
  }

  create(config: Record<string, unknown>, action: ConsumerAction = ''): Consumer {
    const consumer = createConsumer(this.stream, withDefaults(config), action)
    this.turn.drain()
    return consumer
  }

  /** Stores and commits. */
  publish(subject: string, body = '', headers = ''): number {
    const seq = this.log.append(subject, body, this.clock.now(), headers)
    const bytes = Buffer.from(subject)
    this.stream.consumers.stored(seq, bytes, 0, bytes.length)
    this.log.committedSeq = seq
    this.stream.consumers.committed()
    this.turn.drain()
    return seq
  }

  remove(seq: number): void {
    this.drop(seq)
    this.turn.drain()
  }

  /** The same within a turn. */
  drop(seq: number): void {
    const subject = this.log.subjectOf(seq)
    if (this.log.remove(seq) && subject !== null) this.stream.consumers.removed(seq, subject)
  }

  /** Collects what arrives on a subject. */
  listen(subject: string): Got[] & { stop: () => void } {
    const got: Got[] = []
    const subscription = this.account.subscribe(subject, {
      onMessage: (message) => {
        const bodyStart = message.bodyStart + message.headerLength
        got.push({
          subject: message.subject.toString('utf8', message.subjectStart, message.subjectEnd),
          reply: message.reply.toString('utf8', message.replyStart, message.replyEnd),
          headers: message.body.toString('utf8', message.bodyStart, bodyStart),
          body: message.body.toString('utf8', bodyStart, message.bodyEnd),
        })
      },
    })
    return Object.assign(got, { stop: () => subscription.unsubscribe() })
  }

  pull(consumer: Consumer, reply: string, request: object | string = ''): void {
    consumer.pull(reply, typeof request === 'string' ? request : JSON.stringify(request))
    this.turn.drain()
  }

  /** Acknowledges, as a client that publishes on the ack subject. */
  ack(consumer: Consumer, ackSubject: string, body = '', reply = ''): void {
    const subscription = this.account.subscribe(ackSubject, {
      onMessage: (message) => {
        let offset = message.subjectStart
        for (let dots = 0; dots < 4; offset++) if (message.subject[offset] === 46) dots++
        consumer.onAck(message, offset)
      },
    })
    this.account.publishText(ackSubject, body, reply)
    subscription.unsubscribe()
    this.turn.drain()
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms, () => this.turn.drain())
    this.turn.drain()
  }
}
