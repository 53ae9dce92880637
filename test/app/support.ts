/** Apps for tests: on an embedded broker in memory, or on the servers that CONTRAIL_TEST_SERVERS names (the peers' run). */
import type { TestContext } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { App, type AppOptions, type BrokerOptions, type Log } from '../../src/app/index.ts'

const servers = process.env.CONTRAIL_TEST_SERVERS?.split(',')
const replicas = process.env.CONTRAIL_TEST_REPLICAS ? Number(process.env.CONTRAIL_TEST_REPLICAS) : undefined

/** Is this the run against real servers? For what only one side can show (say why). */
export const onRealServer = servers !== undefined

/** Against a cluster, with several copies of every stream? */
export const onCluster = replicas !== undefined && replicas > 1

/** A line of an app's log. */
export interface Line {
  level: string
  sentence: string
  [binding: string]: unknown
}

/** A log that keeps its lines. */
export class MemoryLog implements Log {
  readonly lines: Line[]
  readonly #bindings: Record<string, unknown>

  constructor(lines: Line[] = [], bindings: Record<string, unknown> = {}) {
    this.lines = lines
    this.#bindings = bindings
  }

  debug = (first: object | string, second?: string) => this.#add('debug', first, second)
  info = (first: object | string, second?: string) => this.#add('info', first, second)
  warn = (first: object | string, second?: string) => this.#add('warn', first, second)
  error = (first: object | string, second?: string) => this.#add('error', first, second)

  child(bindings: Record<string, unknown>): MemoryLog {
    return new MemoryLog(this.lines, { ...this.#bindings, ...bindings })
  }

  #add(level: string, first: object | string, second: string | undefined): void {
    const bindings = typeof first === 'string' ? {} : first
    this.lines.push({
      ...this.#bindings,
      ...bindings,
      level,
      sentence: typeof first === 'string' ? first : (second ?? ''),
    })
  }
}

/** The broker that tests are for. On real servers every stream is removed when the test ends. */
export function testBroker(options: Partial<BrokerOptions> = {}): BrokerOptions {
  if (servers !== undefined) return { servers, replicas, ...options } as BrokerOptions
  return { memory: true, ...options } as BrokerOptions
}

/** An app that is stopped, and whose streams are removed, when the test ends; then its `server` is disposed. */
export function makeApp(
  t: TestContext,
  options: AppOptions & { broker?: BrokerOptions; server?: { dispose(): Promise<void> } } = {},
): App & { lines: Line[] } {
  const log = new MemoryLog()
  const { broker, server, ...rest } = options
  const app = new App(broker ?? testBroker(), { log, stopTimeout: '5s', ...rest })
  app.onShutdown(async ({ nc }) => {
    if (servers === undefined || broker !== undefined) return
    const jsm = await jetstreamManager(nc)
    for await (const { config } of jsm.streams.list()) {
      // A nats-server removes a stream's files behind its answer: one of the same name that is made at once may find messages there.
      await jsm.streams.purge(config.name).catch(() => {})
      await jsm.streams.delete(config.name)
    }
  })
  t.after(async () => {
    await app.stop()
    await server?.dispose()
  })
  return Object.assign(app, { lines: log.lines })
}

/**
 * Resolves when `isTrue` is; rejects after `timeoutMs` with a sentence.
 * On a real server 30 s: it drops the requests of a consumer that goes, and then only missed heartbeats tell of it.
 */
export async function until(
  isTrue: () => boolean | Promise<boolean>,
  what = 'it',
  timeoutMs = onRealServer ? 30_000 : 5000,
): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error(`${what} did not happen in ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Options of `makeApp` for the first of several instances on one server. */
export function firstInstance(): { broker?: BrokerOptions } {
  return servers === undefined ? { broker: { memory: true, port: 0 } } : {}
}

/** The same for another one on the server of `first`, which runs. */
export function anotherInstance(first: App): { broker?: BrokerOptions } {
  return servers === undefined ? { broker: { servers: first.url as string } } : {}
}

/** Several instances of an app on one server, started one after the other. */
export async function instances(
  t: TestContext,
  count: number,
  declare: (app: App, index: number) => void,
): Promise<App[]> {
  const apps: App[] = []
  for (let i = 0; i < count; i++) {
    const app = makeApp(t, i === 0 ? firstInstance() : anotherInstance(apps[0]))
    declare(app, i)
    await app.start()
    apps.push(app)
  }
  return apps
}
