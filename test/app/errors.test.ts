/** Every error that an app sees is of one table: a code, the names concerned, what to do, and its cause. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { App, ContrailError, ERROR_HINTS, type ErrorCode, PublishRefusedError } from '../../src/app/index.ts'
import { Server } from '../../src/server/index.ts'
import { MemoryLog, makeApp, onCluster, until } from './support.ts'

const root = new URL('../../../', import.meta.url)

/** Rejects with this code, names in its message, and a cause where another's error is behind it. */
async function fails(
  failing: Promise<unknown>,
  code: ErrorCode,
  names: readonly RegExp[],
  expected: { cause?: boolean; errorCode?: number } = {},
): Promise<void> {
  await assert.rejects(failing, (error: ContrailError) => {
    assert.ok(error instanceof ContrailError, String(error))
    assert.equal(error.code, code, error.message)
    assert.ok(error.message.endsWith(ERROR_HINTS[code]))
    for (const name of names) assert.match(error.message, name)
    if (expected.cause === true) assert.ok(error.cause instanceof Error, `cause of ${code}`)
    if (expected.errorCode !== undefined) assert.equal(error.errorCode, expected.errorCode)
    return true
  })
}

/** What starting this gives; it is stopped at the end. */
function starting(t: TestContext, app: App): Promise<void> {
  t.after(() => app.stop())
  return app.start()
}

test('docs/framework/errors.md lists the codes of the table, and each is used', () => {
  const page = readFileSync(new URL('docs/framework/errors.md', root), 'utf8')
  const listed = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1])
  assert.deepEqual([...listed].sort(), Object.keys(ERROR_HINTS).sort())
  assert.equal(new Set(listed).size, listed.length)
  const folder = new URL('src/app/', root)
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && file !== 'errors.ts')
    .map((file) => readFileSync(new URL(file.replaceAll('\\', '/'), folder), 'utf8'))
  // The second half of errors.ts gives out codes too.
  const table = readFileSync(new URL('errors.ts', folder), 'utf8')
  const all = [...sources, table.slice(table.indexOf('} as const'))].join()
  for (const code of Object.keys(ERROR_HINTS)) assert.ok(all.includes(`'${code}'`), `${code} is used`)
})

test('publications that are too large, to no subject, or not as the stream is, say so', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { maxMessageSize: '1kB', maxMessages: 2, discard: 'new' })
  await app.start()
  const large = 'x'.repeat(2_000_000)
  await fails(app.publish('prices.nut', large), 'MESSAGE_TOO_LARGE', [/2000002 bytes to "prices.nut"/], {
    cause: true,
  })
  await fails(orders.publish('orders.a', large), 'MESSAGE_TOO_LARGE', [/"orders.a"/], { cause: true })
  await fails(orders.publish('orders.a', 'x'.repeat(2000)), 'MESSAGE_TOO_LARGE', [/"orders.a"/], {
    errorCode: 10054,
  })
  await fails(app.request('ask', large), 'MESSAGE_TOO_LARGE', [/"ask"/], { cause: true })
  for (const publish of [app.publish('a b'), orders.publish('a b'), app.request('a b')]) {
    await fails(publish, 'INVALID_SUBJECT', [/"a b"/])
  }
  const wrong = orders.publish('orders.a', 1, { expect: { lastSeq: 9 } })
  await assert.rejects(wrong, PublishRefusedError)
  await fails(wrong, 'WRONG_LAST_SEQUENCE', [/"orders.a"/, /wrong last sequence: 0/], { errorCode: 10071 })
  for (const n of [1, 2]) await orders.publish('orders.a', n)
  await fails(orders.publish('orders.a', 3), 'LIMIT_REACHED', [/maximum messages exceeded/], {
    errorCode: 10077,
  })
})

/** In a cluster some of the servers may hear of it a moment later. */
async function untilKnown(request: () => Promise<unknown>): Promise<void> {
  let refused = 0
  await until(async () => {
    refused = await request().then(
      () => 0,
      () => refused + 1,
    )
    return refused >= (onCluster ? 4 : 1)
  })
}

test('streams and consumers that collide, or are not there, say so', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS', { retention: 'workqueue' })
  const gone = app.stream('GONE')
  await app.start()
  app.stream('OTHERS', { subjects: ['jobs.>'] })
  await fails(app.ready(), 'SUBJECTS_OVERLAP', [/"OTHERS" \(subjects jobs.>\)/], {
    cause: true,
    errorCode: 10065,
  })
  const read = jobs.consume('jobs.>', { durable: 'one' })
  await app.ready()
  jobs.consume('jobs.a', { durable: 'two' })
  await fails(app.ready(), 'CONSUMERS_OVERLAP', [/consumer "two" of the stream "JOBS"/], {
    cause: true,
    errorCode: 10100,
  })
  await app.context.jsm.streams.delete('GONE')
  await untilKnown(() => gone.info())
  await fails(gone.info(), 'STREAM_MISSING', [/"GONE"/], { cause: true, errorCode: 10059 })
  await fails(gone.purge(), 'STREAM_MISSING', [/"GONE"/], { cause: true, errorCode: 10059 })
  gone.consume('gone.>', {})
  await fails(app.ready(), 'STREAM_MISSING', [/"GONE" \(gone.>\)/], { cause: true, errorCode: 10059 })
  // In a cluster it may be looked up where it is not gone yet, or where it has been made again already.
  if (onCluster) return
  await app.context.jsm.consumers.delete('JOBS', 'one')
  await fails(read.info(), 'CONSUMER_MISSING', [/"one" of the stream "JOBS"/], {
    cause: true,
    errorCode: 10014,
  })
})

test('buckets and object stores say what is wrong with a key, a name, or what is there', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue<number>('stock')
  await app.start()
  await stock.put('nut', 1)
  await fails(stock.create('nut', 2), 'KEY_EXISTS', [/"nut" in "stock"/], { cause: true })
  await fails(stock.put('no key', 2), 'INVALID_NAME', [/bucket "stock".*no key/], { cause: true })
  await fails(stock.get('.nut'), 'INVALID_NAME', [/bucket "stock"/], { cause: true })
  await fails(
    stock.update('nut', () => stock.put('nut', 5), { attempts: 2 }),
    'CONFLICT',
    [/"nut" in "stock"/],
  )
  app.objectStore('missing', { declare: 'none' })
  await fails(app.ready(), 'STREAM_MISSING', [/object store "missing"/], { cause: true })
  app.keyValue('no name')
  await fails(app.ready(), 'INVALID_NAME', [/"no name"/], { cause: true })
  await fails(app.context.kv('no name'), 'INVALID_NAME', [/"no name"/], { cause: true })
})

test('a server without JetStream is told from one that is not there', async (t) => {
  const server = await Server.start({ port: 0, jetstream: false })
  t.after(() => server.stop())
  const app = new App({ servers: server.url }, { log: new MemoryLog() })
  app.stream('ORDERS')
  await fails(starting(t, app), 'NO_JETSTREAM', [/stream "ORDERS"/], { cause: true })
  const nowhere = new App({ servers: 'nats://127.0.0.1:1', connectTimeout: '2s' }, { log: new MemoryLog() })
  await fails(starting(t, nowhere), 'CANNOT_CONNECT', [/127\.0\.0\.1:1/], { cause: true })
})

test('an embedded broker says which port, folder or key keeps it from starting', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-errors-'))
  const log = new MemoryLog()
  const first = new App({ dir: join(folder, 'store'), port: 0 }, { log })
  t.after(async () => {
    await first.stop()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  await first.start()
  const port = Number(new URL(first.url as string).port)
  const start = (options: object) => starting(t, new App(options as never, { log }))
  await fails(start({ memory: true, port }), 'CANNOT_LISTEN', [new RegExp(`127\\.0\\.0\\.1:${port}`)], {
    cause: true,
  })
  await fails(start({ dir: join(folder, 'store') }), 'STORE_IN_USE', [/store"/, /in use/], { cause: true })
  writeFileSync(join(folder, 'file'), '')
  await fails(start({ dir: join(folder, 'file') }), 'CANNOT_OPEN_STORE', [/file"/], { cause: true })
  const sealed = { dir: join(folder, 'sealed'), encryption: { key: 'one' } }
  const owner = new App(sealed, { log })
  await owner.start()
  await owner.stop()
  await fails(start({ ...sealed, encryption: { key: 'two' } }), 'CANNOT_OPEN_STORE', [/sealed"/, /key/], {
    cause: true,
  })
})

test('an app that can not start is printed once, with what to do, and ends with code 1', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-run-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'app.mjs')
  const index = new URL('build/src/app/index.js', root)
  writeFileSync(
    file,
    `import { App } from ${JSON.stringify(pathToFileURL(index.pathname).href)}
const app = new App('nats://127.0.0.1:1')
await app.run()
`,
  )
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => {
      output += bytes
    })
  }
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 1, output)
  assert.equal(output.split('No connection to nats://127.0.0.1:1').length, 2, output)
  assert.equal(output.split(ERROR_HINTS.CANNOT_CONNECT).length, 2, output)
  assert.match(output, /CANNOT_CONNECT/)
})
