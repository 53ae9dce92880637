/** What a running app gives to its subscriptions, publishers and stores: one for each broker. */
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import type { PullTimes } from './consumer/pull-loop.ts'
import type { BaseContext, HandlerContext } from './context.ts'
import type { Dependencies } from './dependencies.ts'
import type { SetTimer } from './dispatcher.ts'
import type { Log } from './log.ts'
import type { Message } from './message.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { Declarer } from './program.ts'
import type { BrokerPublisher } from './publisher/broker-publisher.ts'

/** A handler is through with a message. */
export interface Handled {
  /** The subscription or consumer that took it. */
  readonly by: object
  readonly message: Message
  /** What the handler was given; undefined when reading it threw. */
  readonly data: unknown
  readonly params: Readonly<Record<string, string>>
  readonly result: unknown
  /** What was thrown, by reading or by the handler; undefined: nothing. */
  readonly error: unknown
}

export type HandlingObserver = (handled: Handled) => void

/** What a connection goes through. */
export type ConnectionEvent = 'disconnected' | 'reconnected' | 'closed'

export interface Runtime {
  readonly nc: NatsConnection
  /** @throws ContrailError NO_JETSTREAM when the server has none */
  readonly js: JetStreamClient
  readonly jsm: JetStreamManager
  readonly log: Log
  readonly publisher: BrokerPublisher
  readonly dependencies: Dependencies
  /** The context that those of messages inherit from. */
  readonly context: BaseContext
  /** Name of the broker in the app: 'main' for its first. */
  readonly broker: string
  readonly metrics: Metrics
  /** Tells the app's error hooks. */
  onError(thrown: unknown, context: HandlerContext): Promise<void>
  /** The app's error hooks, those added later too. */
  readonly errorHooks: readonly unknown[]
  /** Name of the app. */
  readonly app: string
  /** Who declares what outlives the app. */
  readonly declarer: Declarer
  /** Copies of streams and buckets, where their declaration doesn't say. */
  readonly replicas: number | undefined
  /** Aborted when the app no longer waits for its handlers. */
  readonly signal: AbortSignal
  /** False while the connection is lost or closed: what asks the server then would only wait. */
  isConnected(): boolean
  /** Timers of the broker's clock: the machine's, but for tests. */
  readonly setTimer: SetTimer
  /** Times of pull requests. */
  readonly pullTimes: PullTimes
  /** Told of every message that a handler had; for tests. */
  readonly observer: HandlingObserver | undefined
  /** Calls `listener` at every event of the connection; returns what ends it. */
  onConnection(listener: (event: ConnectionEvent) => void): () => void
}

/** A name that a declaration takes for itself. */
export interface Claim {
  /** For sentences: `the durable "w" of the stream "ORDERS"`. */
  readonly what: string
  /** Who declares the same may have the name too; null: nobody may. */
  readonly definition: string | null
}

/** Something declared on an app or a router, that lives while the app runs. */
export interface Declaration {
  /** Streams and stores come up before what reads from them. */
  readonly stage: 'store' | 'subscription'
  /** Subjects that it keeps, or hears on core NATS: as NATS writes them → as they were declared. */
  takes?(): ReadonlyMap<string, string>
  /** What there may be only one of on a broker: in an app, or of one definition. */
  claim?(): Claim | null
  /** Its router was included under a prefix: its subjects are under it too. Only before the start. */
  underPrefix?(prefix: string): void
  start(runtime: Runtime): Promise<void>
  /** Takes no more, and resolves when what was taken is done, or `deadline` (an AbortSignal) says to give up. */
  stop(deadline: AbortSignal): Promise<void>
  /** Takes no more until `resume`; what was taken is handled. Stores and watches have neither. */
  pause?(): Promise<void>
  resume?(): Promise<void>
  /** Messages it has taken and that are not through. */
  readonly held?: number
  /** False while a message is on its way to it, or is being handled; what waits for a time is not counted. */
  isSettled?(): Promise<boolean>
}
