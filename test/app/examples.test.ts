import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { until } from './support.ts'

const examples = join(import.meta.dirname, '..', '..', 'examples')

/** Windows ends a process where it would be told to stop. */
const onPosix = { skip: process.platform === 'win32' }

/** Runs an example in an empty folder until it ends, or until it has printed `last`; resolves to what it printed. */
async function output(t: TestContext, name: string, last?: string, mostMs = 20_000): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-example-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const { CONTRAIL_TEST_SERVERS: servers, ...environment } = process.env
  const child = spawn(process.execPath, [join(examples, name)], {
    cwd: folder,
    env: { ...environment, LOG_LEVEL: 'silent', ...(servers ? { CONTRAIL_URL: servers } : {}) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  let code: number | null | undefined
  child.stdout.on('data', (bytes) => {
    printed += bytes
  })
  child.on('exit', (exitCode) => {
    code = exitCode
  })
  // What does not end by itself is told to, so that it ends what it has started.
  t.after(() => code === undefined && child.kill('SIGTERM'))
  await until(() => code !== undefined || (last !== undefined && printed.includes(last)), name, mostMs)
  if (code === undefined) {
    child.kill('SIGTERM')
    await until(() => code !== undefined, `the end of ${name}`, 20_000)
  }
  assert.equal(code, 0, printed)
  return printed
}

test('examples/hello.ts', async (t) => {
  assert.equal(await output(t, 'hello.js', '!\n'), 'Hello world!\n')
})

test('examples/shop.ts', async (t) => {
  assert.equal(await output(t, 'shop.js', 'left\n'), 'nut: 7 left\n')
})

test('examples/key-value-and-objects.ts', async (t) => {
  assert.equal(await output(t, 'key-value-and-objects.js'), 'hello\nthe copy is the same: true\n')
})

test('examples/publishing.ts', async (t) => {
  const lines = (await output(t, 'publishing.js')).trim().split('\n')
  assert.ok(lines.includes('orders.7.created {"sku":"nut"}'), lines.join('\n'))
  assert.ok(lines.includes('again: duplicate true'))
  assert.ok(lines.some((line) => line.includes('wrong last sequence: 2 (10071)')))
  assert.ok(lines.includes('orders.10.paid {"amount":2}'))
  assert.ok(lines.includes('orders.10.reminder {"text":"still there?"}'))
})

test('examples/middleware.ts', async (t) => {
  const lines = (await output(t, 'middleware.js')).trim().split('\n')
  assert.deepEqual(lines.sort(), [
    'order 7: {"sku":"nut"}',
    'shop.orders.7.created: 1 handled in time',
    'shop.orders.8.created failed: published by somebody else',
    'shop.orders.8.created: 1 handled in time',
  ])
})

test('examples/tracing.ts', async (t) => {
  assert.deepEqual((await output(t, 'tracing.js')).trimEnd().split('\n'), [
    'order 1: 7 left',
    'publish orders.{id}.created',
    '  process orders.{id}.created',
    '    request stock.left.nut',
    '      process stock.left.{sku}',
  ])
})

test('examples/monitor.ts', async (t) => {
  const lines = (await output(t, 'monitor.js')).trim().split('\n')
  assert.match(lines[0], /^200 \{"status":"ready",.*"checks":\{"disk":"ok"\}\}$/)
  assert.ok(lines.includes('contrail_messages_published_total{broker="main",kind="stream"} 1'))
  assert.equal(lines.at(-1), 'jobs.{name} on JOBS: 0 failed')
})

test('examples/two-brokers.ts', async (t) => {
  assert.equal(await output(t, 'two-brokers.js'), 'centre: berne 7 {"sku":"nut"}\nedge: 7 is confirmed\n')
})

test('examples/requests.ts', async (t) => {
  assert.deepEqual((await output(t, 'requests.js')).trim().split('\n'), [
    'three nuts: 75',
    'for gold customers: 60',
    'price.bolt: 404 {"have":["nut"]}',
    'price.nut: 400 {"issues":[{"path":"quantity","message":"Too small: expected number to be >0"}]}',
    'stock.nut: NO_RESPONDERS',
    'stock: 7',
    'stock: NO_RESPONDERS',
  ])
})

test('examples/counters-and-copies.ts', async (t) => {
  const lines = (await output(t, 'counters-and-copies.js')).split('\n').sort()
  assert.deepEqual(lines, [
    '',
    'basel: orders.basel.7 {"sku":"nut"}',
    'told: told.basel.7',
    'told: told.bern.8',
    'views: 42',
  ])
})

test(
  'examples/order-pipeline.ts: two instances of each service, deploys and crashes in the middle of the orders',
  onPosix,
  async (t) => {
    assert.equal(
      await output(t, 'order-pipeline.js', undefined, 90_000),
      '60 orders placed, 60 shipped, 0 given up\nin stock: 880\n',
    )
  },
)

test('examples/jobs.ts', async (t) => {
  const lines = (await output(t, 'jobs.js')).trim().split('\n')
  assert.deepEqual(lines.filter((line) => !/^progress of \w{22}: written$/.test(line)).sort(), [
    'added again: false - removed: true',
    'failed: nobody is no address',
    'progress of welcome-anna: written',
    'result: { length: 12 }',
    'tries: 3',
    '{ delayed: 0, failed: 1, repeated: 1 }',
  ])
})

test('examples/dead-letters.ts', async (t) => {
  assert.deepEqual((await output(t, 'dead-letters.js')).trim().split('\n'), [
    'orders.7.created {"sku":"nut"}: the printer has no paper',
    'orders.8.created {"sku":"bolt"}: the printer has no paper',
    'order 7 is billed, at try 1',
    'order 8 is billed, at try 1',
  ])
})

test('examples/nestjs-microservice.ts', async (t) => {
  assert.equal(await output(t, 'nestjs-microservice.js'), 'order 7: 75\n')
})

test('examples/contract.ts', async (t) => {
  assert.equal(await output(t, 'contract.js'), 'order 7: 75\n')
})

test('examples/hot.ts', async (t) => {
  const printed = await output(t, 'hot.js')
  assert.equal(printed, 'first\nsecond - and who has the first hears the second\nstill there: 1\n')
})
