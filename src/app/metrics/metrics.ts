/** An app's figures: `app.metrics`. */
import type { PublishCounts } from '../publisher/broker-publisher.ts'
import { type HandlerLabels, HandlerMetrics } from './handler-metrics.ts'
import { DURATION_BUCKETS } from './histogram.ts'

/** What a broker of the app tells. */
export interface BrokerReport {
  /** 'main' for the app's first. */
  readonly broker: string
  readonly connected: boolean
  /** How often the connection came back. */
  readonly reconnects: number
  readonly published: Readonly<PublishCounts>
  /** Publications to streams that were refused, or not acknowledged in time. */
  readonly publishFailed: number
  /** Publications to streams that wait for their acknowledgement. */
  readonly unacknowledged: number
  /** What went over the connection, acknowledgements and API requests included. */
  readonly inMessages: number
  readonly outMessages: number
  readonly inBytes: number
  readonly outBytes: number
}

/** What runs now of a subscription. */
export interface LiveSubscription {
  readonly metrics: HandlerMetrics
  /** Messages in a handler. */
  readonly inFlight: number
  /** Messages here that wait for a handler. */
  readonly waiting: number
  /** What the server says of its consumer; undefined on core NATS. */
  consumerState(): Promise<ConsumerState | undefined>
}

export interface ConsumerState {
  /** Messages in the stream that the consumer has still to deliver. */
  readonly pending: number
  /** Delivered and not acknowledged, over all apps of the consumer. */
  readonly ackPending: number
  readonly redelivered: number
}

export interface HandlerReport extends HandlerLabels {
  readonly handled: number
  readonly failed: number
  readonly acked: number
  readonly nacked: number
  readonly termed: number
  readonly deadLettered: number
  readonly dropped: number
  readonly inFlight: number
  readonly waiting: number
  /** Seconds; `buckets` are not cumulated, the last one has no upper bound. */
  readonly duration: {
    readonly count: number
    readonly sum: number
    readonly bounds: readonly number[]
    readonly buckets: readonly number[]
  }
  /** Only from `withConsumers`. */
  readonly consumer?: ConsumerState
}

export interface MetricsReport {
  readonly brokers: readonly BrokerReport[]
  readonly handlers: readonly HandlerReport[]
}

/** Figures of more subscriptions than this are counted together. */
const MAX_HANDLERS = 1000
/** How long a report waits for what the server says of consumers. */
const CONSUMER_TIMEOUT_MS = 2000
const MAX_CONSUMERS_ASKED = 200

export class Metrics {
  readonly #handlers = new Map<string, HandlerMetrics>()
  readonly #live = new Set<LiveSubscription>()
  readonly #brokers: () => readonly BrokerReport[]

  constructor(brokers: () => readonly BrokerReport[]) {
    this.#brokers = brokers
  }

  /** The figures under these labels; they stay when their subscription ends. */
  of(labels: HandlerLabels): HandlerMetrics {
    const key = `${labels.broker}\n${labels.stream}\n${labels.group}\n${labels.subject}`
    let metrics = this.#handlers.get(key)
    if (metrics === undefined) {
      if (this.#handlers.size >= MAX_HANDLERS) {
        const others = { broker: labels.broker, subject: '(others)', stream: '', group: '' }
        const last = `${labels.broker}\n\n\n(others)`
        metrics = this.#handlers.get(last) ?? new HandlerMetrics(others)
        this.#handlers.set(last, metrics)
        return metrics
      }
      metrics = new HandlerMetrics(labels)
      this.#handlers.set(key, metrics)
    }
    return metrics
  }

  began(subscription: LiveSubscription): void {
    this.#live.add(subscription)
  }

  ended(subscription: LiveSubscription): void {
    this.#live.delete(subscription)
  }

  /** Messages in handlers, over all subscriptions. */
  get inFlight(): number {
    let sum = 0
    for (const one of this.#live) sum += one.inFlight
    return sum
  }

  /** How many subscriptions run. */
  get subscriptions(): number {
    return this.#live.size
  }

  /** All figures as they are now, without asking anybody. */
  report(): MetricsReport {
    return this.#report(new Map())
  }

  /** The same, with what the server says of each consumer; without what it doesn't say within 2 s. */
  async withConsumers(): Promise<MetricsReport> {
    const states = new Map<HandlerMetrics, ConsumerState>()
    const asked = [...this.#live].slice(0, MAX_CONSUMERS_ASKED).map(async (one) => {
      const state = await one.consumerState().catch(() => undefined)
      if (state !== undefined) states.set(one.metrics, state)
    })
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CONSUMER_TIMEOUT_MS)
    })
    await Promise.race([Promise.all(asked), timeout])
    clearTimeout(timer)
    return this.#report(states)
  }

  #report(states: ReadonlyMap<HandlerMetrics, ConsumerState>): MetricsReport {
    const handlers = [...this.#handlers.values()].map((metrics): HandlerReport => {
      let inFlight = 0
      let waiting = 0
      for (const one of this.#live) {
        if (one.metrics !== metrics) continue
        inFlight += one.inFlight
        waiting += one.waiting
      }
      const { labels, handled, failed, acked, nacked, termed, deadLettered, dropped, durations } = metrics
      return {
        ...labels,
        ...{ handled, failed, acked, nacked, termed, deadLettered, dropped, inFlight, waiting },
        duration: {
          count: durations.count,
          sum: durations.sum,
          bounds: DURATION_BUCKETS,
          buckets: [...durations.counts],
        },
        consumer: states.get(metrics),
      }
    })
    return { brokers: this.#brokers(), handlers }
  }
}
