import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { App, type ContrailError, type Duration, Router, type Size } from '../../src/app/index.ts'
import { makeApp } from './support.ts'

/** As a program in plain JavaScript would, or one whose options come from JSON. */
// biome-ignore lint/suspicious/noExplicitAny: what no type lets through is what is tested
type Untyped = any

const nothing = () => {}

test('unknown options, wrong values and handlers that are none are errors at the declaration, which say what may be', (t) => {
  const app: Untyped = makeApp(t)
  const orders = app.stream('ORDERS')
  const stock = app.keyValue('stock')
  const files = app.objectStore('files')
  const cases: [() => unknown, RegExp][] = [
    [
      () => orders.consume('orders.>', { durabel: 'w' }, nothing),
      /no option "durabel" of the consumer of "orders.>" of the stream "ORDERS"\. Did you mean "durable"\?/,
    ],
    [
      () => orders.consume('orders.>', { ack: 'auto' }, nothing),
      /ack: "auto" is none of "nack-on-error", .*"none", in the options of/,
    ],
    [() => orders.consume('orders.>', { ack: 'manuel' }, nothing), /Did you mean "manual"\?/],
    [
      () => orders.consume('orders.>', { deliver: 'latest' }, nothing),
      /deliver: "latest" is none of "all".*Did you mean "last"\?/,
    ],
    [
      () => orders.consume('orders.>', { deliver: { sequence: 3 } }, nothing),
      /deliver: \{"sequence":3\} is none of/,
    ],
    [
      () => orders.consume('orders.>', { deliver: { seq: 0 } }, nothing),
      /deliver.seq: 0 is no whole number, 1 or more/,
    ],
    [
      () => orders.consume('orders.>', { deliver: { time: 'soon' } }, nothing),
      /deliver.time: "soon" is no time/,
    ],
    [() => orders.consume('orders.>', { concurrency: '4' }, nothing), /concurrency: "4" is no whole number/],
    [
      () => orders.consume('orders.>', { ackWait: '5 minutes' }, nothing),
      /ackWait: "5 minutes" is no duration \(for example/,
    ],
    [
      () => orders.consume('orders.>', { retry: { attempt: 3 } }, nothing),
      /no option "retry.attempt" .* Did you mean "retry.attempts"\?/,
    ],
    [
      () => orders.consume('orders.>', { retry: { backoff: ['1s', 'a while'] } }, nothing),
      /retry.backoff: \["1s","a while"\] is no duration, no list/,
    ],
    [
      () => orders.consume('orders.>', { retry: { backoff: { initial: '1s', jitter: 2 } } }, nothing),
      /retry.backoff.jitter: 2 is no number from 0 to 1/,
    ],
    [
      () => orders.consume('orders.>', { rate: { messages: 5, pro: '1s' } }, nothing),
      /no option "rate.pro".* There are messages and per/,
    ],
    [
      () => orders.consume('orders.>', { schema: { type: 'object' } }, nothing),
      /schema: \{"type":"object"\} is no schema \(of zod/,
    ],
    [
      () => orders.consume('orders.>', { codec: 'xml' }, nothing),
      /codec: "xml" is none of "json", "text", "bytes"/,
    ],
    [
      () => orders.consume('orders.>', { durable: 'w' }, undefined),
      /handler of the consumer of "orders.>".* undefined \(is it exported/,
    ],
    [() => orders.consume('orders.>', undefined), /handler of .* undefined/],
    [() => orders.consume('orders.>', nothing, { durable: 'w' }), /go before its handler/],
    [() => orders.consume('orders.>', 'w', nothing), /options of .* are no object, but "w"/],
    [() => orders.consumeBatch('orders.>', { size: 0 }, nothing), /size: 0 is no whole number/],
    [() => orders.consumeBatch('orders.>', {}), /handler of/],
    [
      () => orders.publisher('orders.x', { toStreams: true }),
      /"toStreams" of the publisher of "orders.x"\. Did you mean "toStream"/,
    ],
    [
      () => app.subscribe('a', { queu: 'q' }, nothing),
      /no option "queu" of the subscription of "a"\. Did you mean "queue"/,
    ],
    [
      () => app.subscribe('a', {}, 'handler'),
      /handler of the subscription of "a" is no function, but "handler"/,
    ],
    [() => app.subscribe('a').handle({ filters: nothing }, nothing), /no option "filters".*"filter"/],
    [() => app.subscribe('a').handle({}), /handler of "a"/],
    [
      () => app.stream('A', { retention: 'work-queue' }),
      /retention: "work-queue" is none of "limits", "interest", "workqueue".*Did you mean "workqueue"/,
    ],
    [() => app.stream('A', { subjects: 'f.>' }), /subjects: "f.>" is no list \(for example \['orders.>'\]\)/],
    [() => new App(''), /URL of the server is empty/],
    [() => new App([]), /servers: the list is empty/],
    [() => new App('nats://u:secret@host:99999'), /servers: "host:99999" is no address/],
    [() => app.stream('A', { maxage: '1h' }), /Did you mean "maxAge"/],
    [() => app.stream('A', { maxBytes: 'lots' }), /maxBytes: "lots" is no size/],
    [() => app.stream('A', { declare: 'update' }), /declare: "update" is none of "ensure"/],
    [() => app.keyValue('b', { history: 100 }), /history: 100 is no whole number from 1 to 64/],
    [() => app.objectStore('b', { storage: 'disk' }), /storage: "disk" is none of "file", "memory"/],
    [
      () => stock.watch('>', { form: 'history' }, nothing),
      /no option "form" of the watch of ">" in the bucket "stock"\. Did you mean "from"/,
    ],
    [() => stock.watch('>', undefined), /handler of the watch/],
    [() => files.watch({ from: { revision: -1 } }), /from.revision: -1/],
    [() => app.cron('job', { corn: '@daily' }, nothing), /no option "corn" .*Did you mean "cron"/],
    [() => app.cron('job', { cron: '@daily', timezone: 'UTC' }, nothing), /Did you mean "timeZone"/],
    [
      () => app.cron('job', { cron: '@daily', timeZone: 'Mars/Base' }, nothing),
      /"Mars\/Base" is no name of the IANA table/,
    ],
    [
      () => app.cron('job', { every: '1m', after: '1m' }, nothing),
      /has one of at, after, every and cron, not 2/,
    ],
    [() => app.cron('job', '@daily'), /handler of the job "job" is no function/],
    [
      () => app.cron('job', '@daily', nothing, { retrys: {} }),
      /no option "retrys" of the job "job"\. Did you mean "retry"/,
    ],
    [() => app.provide('db', undefined), /provide of "db"/],
    [
      () => app.provide('db', nothing, { lifetime: 'request' }),
      /lifetime: "request" is none of "app", "message"/,
    ],
    [() => app.onShutdown(undefined), /handler of onShutdown/],
    [() => app.onError('log'), /handler of onError/],
    [() => app.use(undefined), /options of a middleware/],
    [() => app.use({ publsh: nothing }), /Did you mean "publish"/],
    [() => app.monitor({ port: 70_000 }), /port: 70000 is no whole number from 0 to 65535/],
    [() => new (Router as Untyped)({ prefx: 'a' }), /Did you mean "prefix"/],
    [
      () => new (App as Untyped)({ memory: true }, { nmae: 'shop' }),
      /no option "nmae" of the app\. Did you mean "name"/,
    ],
    [
      () => new (App as Untyped)({ memory: true }, { logLevel: 'loud' }),
      /logLevel: "loud" is none of "debug"/,
    ],
    [() => new (App as Untyped)({ memory: true }, { log: console.log }), /is no log \(with debug/],
    [
      () => new (App as Untyped)({ memroy: true }),
      /no option "memroy" of an embedded broker\. Did you mean "memory"/,
    ],
    [() => new (App as Untyped)({ servers: 'a', dir: 'x' }), /no option "dir" of a broker with servers/],
    [() => new (App as Untyped)(7), /options of an embedded broker are no object, but 7/],
  ]
  for (const url of ['localhost', ' nats://h:1 ', '::1', 'nats://[::1]:4222', 'wss://u:p%2F@h/path'])
    new App(url)
  for (const [declare, text] of cases) {
    assert.throws(
      declare,
      (error: ContrailError) => {
        assert.equal(error.code, 'INVALID_OPTION', `${text}: ${error.stack}`)
        assert.match(error.message, text)
        return true
      },
      String(text),
    )
  }
})

test('durations and sizes are checked by their types', () => {
  const durations: Duration[] = [250, '250ms', '1s', '1.5h', '1h30m', '1h30m10s', '2d12h', '30d', '1w']
  const sizes: Size[] = [1, '64KiB', '10 MB', '1GiB', '5B', '2kB']
  assert.equal(durations.length + sizes.length, 15)
  // @ts-expect-error units are short
  const long: Duration = '5 minutes'
  // @ts-expect-error no unit
  const bare: Duration = '5'
  // @ts-expect-error no number
  const word: Size = 'large'
  assert.ok(long && bare && word)
})

test('every option of every table has its place in docs/framework', () => {
  const root = new URL('../../../', import.meta.url)
  const folder = new URL('docs/framework/', root)
  const pages = readdirSync(folder)
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n')
  const missing: string[] = []
  for (const file of readdirSync(new URL('src/app/', root), { recursive: true }) as string[]) {
    if (!file.endsWith('.ts') || (file.startsWith('jobs') && !pages.includes('# Jobs'))) continue
    const source = readFileSync(new URL(`src/app/${file.replaceAll('\\', '/')}`, root), 'utf8')
    for (const [, name, body] of source.matchAll(/const (\w+): Table<[^=]*> = \{([^}]*)\n\}/g)) {
      for (const [, option] of body.matchAll(/^ {2}(\w+)[:,]/gm)) {
        if (!new RegExp(`\\b${option}\\b`).test(pages)) missing.push(`${name}.${option}`)
      }
    }
  }
  assert.deepEqual(missing, [])
})
