/** An app under test: what it was given to handle, what it published, and when it has nothing left to do. */
import type { App, Duration, PublishOptions, PublishResult, StreamMessage } from '../app/index.ts'
import { durationMs, type Message, type Outgoing, RequestFailedError } from '../app/index.ts'
import { TestClock } from './test-clock.ts'

export interface TestAppOptions {
  /**
   * What a handler throws is thrown by the `publish`, `idle` or `advance` that brought it about. Default: true; false where a test is
   * about failing handlers.
   */
  rethrow?: boolean
}

/** A handler had a message. */
export interface Call {
  readonly subject: string
  /** What it was given; undefined when codec or schema refused the message. */
  readonly data: unknown
  readonly params: Readonly<Record<string, string>>
  readonly result: unknown
  readonly error: unknown
  readonly message: Message
  /** How often the message had been delivered, this time included; 1 on core NATS. */
  readonly deliveries: number
}

/** The app published something. */
export interface Published {
  readonly subject: string
  readonly payload: Uint8Array | string
  readonly options: PublishOptions
  readonly kind: Outgoing['kind']
  json<T = unknown>(): T
  text(): string
}

const INTERNAL_ERROR = 500
const QUIET_ROUNDS = 2
const TURNS = 8
const IDLE_TIMEOUT_MS = 10_000

export class TestApp<Deps extends object = object> implements AsyncDisposable {
  readonly app: App<Deps>
  readonly #clock = new TestClock()
  readonly #calls: Array<Call & { by: object }> = []
  readonly #published: Published[] = []
  readonly #rethrow: boolean
  #errors: unknown[] = []
  /** `publish` of the test is not the app's. */
  #isOwn = false

  /** @internal use `testApp` */
  constructor(app: App<Deps>, options: TestAppOptions) {
    this.app = app
    this.#rethrow = options.rethrow ?? true
    for (const broker of app.brokers()) broker.use({ memory: true, clock: this.#clock })
    app.observe(({ by, message, data, params, result, error }) => {
      const deliveries = 'deliveries' in message ? (message as StreamMessage).deliveries : 1
      this.#calls.push({ by, subject: message.subject, data, params, result, error, message, deliveries })
      if (error !== undefined) this.#errors.push(error)
    })
    app.usePublish((outgoing, next) => {
      if (!this.#isOwn) this.#published.push(published(outgoing))
      return next()
    })
  }

  /** @internal */
  async start(): Promise<this> {
    await this.app.start()
    await this.idle()
    return this
  }

  /**
   * Publishes as somebody else would, and resolves when every handler that got it, and what these published in turn, is
   * through. A try again after a pause is not waited for: let time pass by `advance`.
   */
  async publish(
    subject: string,
    data?: unknown,
    options?: PublishOptions,
  ): Promise<PublishResult | undefined> {
    const sent = this.#outside(() => this.app.publish(subject, data, options))
    const result = await sent
    await this.idle()
    return result
  }

  /**
   * Asks as somebody else would. What the handler throws is thrown here; with `rethrow: false` the one who asked gets what it
   * would get elsewhere: a RequestFailedError that says no more than is meant for others.
   */
  async request<T = unknown>(subject: string, data?: unknown): Promise<T> {
    try {
      return await this.#outside(() => this.app.request<T>(subject, data))
    } catch (thrown) {
      const isInternal = thrown instanceof RequestFailedError && thrown.status === INTERNAL_ERROR
      throw isInternal && this.#rethrow ? (this.#errors[0] ?? thrown) : thrown
    } finally {
      this.#errors = []
      await this.idle()
    }
  }

  /** Lets time pass: pauses between tries, ack wait, times to live, schedules and jobs by the clock. */
  async advance(duration: Duration): Promise<void> {
    await this.#clock.advance(durationMs(duration, 'advance'), () => this.#turns())
    await this.#settled()
    this.#throwErrors()
  }

  /** Resolves when no message is on its way to a handler, waits for one, or is being handled. */
  async idle(): Promise<void> {
    await this.#settled()
    this.#throwErrors()
  }

  /** What handlers had, in the order in which they were through; of one subscription, or all. */
  calls(of?: object): Call[] {
    return this.#calls.filter((call) => of === undefined || call.by === of)
  }

  /** What the app published (not the test), to one subject or all. */
  published(subject?: string): Published[] {
    return this.#published.filter((one) => subject === undefined || one.subject === subject)
  }

  /** Forgets calls and publications so far. */
  clear(): void {
    this.#calls.length = 0
    this.#published.length = 0
    this.#errors = []
  }

  async stop(): Promise<void> {
    await this.app.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #outside<T>(send: () => Promise<T>): Promise<T> {
    // Middleware is called before `publish` returns, so that this is the test's own publication and no other.
    this.#isOwn = true
    try {
      return send()
    } finally {
      this.#isOwn = false
    }
  }

  /** What a timer of the server brings about reaches the app within a few turns; most bring about nothing. */
  async #turns(): Promise<void> {
    const before = this.#calls.length + this.#published.length
    for (let turn = 0; turn < TURNS; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#isBusy() || this.#calls.length + this.#published.length > before) {
        await this.#settled()
        return
      }
    }
  }

  #isBusy(): boolean {
    return this.app.brokers().some((broker) => broker.scope.declarations().some((one) => (one.held ?? 0) > 0))
  }

  async #settled(): Promise<void> {
    const deadline = performance.now() + IDLE_TIMEOUT_MS
    for (let quiet = 0; quiet < QUIET_ROUNDS; ) {
      if (performance.now() > deadline) throw new Error(`the app was not idle within ${IDLE_TIMEOUT_MS} ms`)
      quiet = (await this.#isQuiet()) ? quiet + 1 : 0
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async #isQuiet(): Promise<boolean> {
    let isQuiet = true
    for (const broker of this.app.brokers()) {
      const { runtime, scope } = broker
      if (runtime === null || !runtime.isConnected()) continue
      await runtime.publisher.flush()
      // What the server had for us before this has come when it is answered.
      await runtime.nc.flush()
      for (const declaration of scope.declarations()) {
        if ((await declaration.isSettled?.()) === false) isQuiet = false
      }
    }
    return isQuiet
  }

  #throwErrors(): void {
    const errors = this.#errors
    this.#errors = []
    if (this.#rethrow && errors.length > 0) throw errors[0]
  }
}

/**
 * Starts an app for a test, whatever broker it was made with, on one in memory: no port, nothing to clean up.
 * `await using shop = await testApp(app)` stops it at the end. An app can be started once: make one for each test.
 */
export function testApp<Deps extends object>(
  app: App<Deps>,
  options: TestAppOptions = {},
): Promise<TestApp<Deps>> {
  return new TestApp(app, options).start()
}

function published({ subject, payload, options, kind }: Outgoing): Published {
  const text = () => (typeof payload === 'string' ? payload : new TextDecoder().decode(payload))
  return { subject, payload, options, kind, text, json: () => JSON.parse(text()) }
}
