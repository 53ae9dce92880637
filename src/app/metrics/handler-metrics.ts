/** What the handlers of a subscription have done since the app started: plain counters, written on the hot path. */
import type { Settlement } from '../message.ts'
import { Histogram } from './histogram.ts'

/** Whose figures these are. Subscriptions that agree in all of it share them. */
export interface HandlerLabels {
  /** Name of the broker in the app; 'main' for its first. */
  readonly broker: string
  /** The subjects as they were declared, with commas between. */
  readonly subject: string
  /** Empty on core NATS. */
  readonly stream: string
  /** Queue group, or durable consumer; empty where there is none. */
  readonly group: string
}

export class HandlerMetrics {
  readonly labels: HandlerLabels
  /** Deliveries that a handler has been through, failed ones included. */
  handled = 0
  /** Deliveries whose handler threw, or that could not be read. */
  failed = 0
  acked = 0
  nacked = 0
  /** Terminated: never delivered again. */
  termed = 0
  deadLettered = 0
  /** Thrown away because too many waited (core NATS). */
  dropped = 0
  /** From the handler's begin to its end; batches count once. */
  readonly durations = new Histogram()

  constructor(labels: HandlerLabels) {
    this.labels = labels
  }

  ended(ms: number, messages: number, failed: number): void {
    this.handled += messages
    this.failed += failed
    this.durations.observe(ms)
  }

  settled(as: Settlement): void {
    if (as === 'acked') this.acked++
    else if (as === 'nacked') this.nacked++
    else if (as === 'termed') this.termed++
  }
}
