/** Looking into a running app from outside, and into a store that nobody has open. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { App, type BrokerOptions } from '../../src/app/index.ts'
import { MemoryLog, until } from '../app/support.ts'

const program = join(import.meta.dirname, '..', '..', '..', 'bin', 'contrail')

interface Done {
  code: number
  stdout: string
  stderr: string
}

function contrail(words: readonly string[], input?: string): Promise<Done> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...words],
      { timeout: 30_000 },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
    child.stdin?.end(input ?? '')
  })
}

/** A running app; `run` is a command of contrail on its server that goes well, `fails` one that does not. */
async function shop(t: TestContext, broker: BrokerOptions = { memory: true, port: 0 }) {
  const app = new App(broker, { log: new MemoryLog(), stopTimeout: '5s' })
  t.after(() => app.stop())
  const orders = app.stream('ORDERS')
  const stock = app.keyValue<number>('stock', { history: 5 })
  const consumer = orders.consume('orders.>', { durable: 'billing', filter: () => true }, () => {})
  app.subscribe('price.{sku}', (_, { params }) => ({ sku: params.sku }))
  await app.start()
  for (const n of [1, 2, 3]) await orders.publish(`orders.${n}`, { n }, { headers: { Shop: 'Bern' } })
  for (const n of [7, 8]) await stock.put('nut', n)
  const at = ['--from', app.url as string]
  const run = async (...words: string[]) => {
    const { code, stdout, stderr } = await contrail([...words, ...at])
    assert.equal(code, 0, stderr)
    return stdout
  }
  const fails = async (code: number, sentence: RegExp, ...words: string[]) => {
    const done = await contrail([...words, ...at])
    assert.match(done.stderr, sentence)
    assert.equal(done.code, code, done.stderr)
  }
  return { app, orders, stock, consumer, run, fails }
}

test('streams are listed, shown, updated, purged and deleted', async (t) => {
  const { app, run, fails } = await shop(t)
  const list = await run('streams')
  assert.match(list, /^STREAM +MESSAGES +BYTES +CONSUMERS +RETENTION +LAST +SUBJECTS\n/)
  assert.match(list, /^ORDERS +3 +\d+ B +1 +limits +20\S+ +orders\.>$/m)
  assert.equal(JSON.parse(await run('streams', 'show', 'ORDERS')).state.messages, 3)
  const message = JSON.parse(await run('streams', 'message', 'ORDERS', '2', '--json'))
  assert.equal(message.data, '{"n":2}')
  assert.deepEqual(message.headers, { Shop: ['Bern'] })
  const config = JSON.parse(await run('streams', 'update', 'ORDERS', 'max_age=7d', 'max_msgs=1000', '--json'))
  assert.equal(config.max_age, 7 * 86_400 * 1e9)
  assert.equal(config.max_msgs, 1000)
  await fails(2, /can't be taken back: say --yes/, 'streams', 'purge', 'ORDERS')
  assert.equal(
    await run('streams', 'purge', 'ORDERS', '--subject', 'orders.1', '--yes'),
    '1 message removed\n',
  )
  await fails(1, /There is no stream "NONE"\. There is: KV_stock, ORDERS\./, 'streams', 'show', 'NONE')
  await fails(1, /no stream "ORDRS"\. Did you mean "ORDERS"\?/, 'streams', 'purge', 'ORDRS', '--yes')
  await fails(2, /no field "maxAge"\. Did you mean "max_age"\?/, 'streams', 'update', 'ORDERS', 'maxAge=7d')
  await fails(2, /FIELD=VALUE is missing/, 'streams', 'update', 'ORDERS')
  await fails(2, /"shw" is none of list, show.*Did you mean "show"\?/, 'streams', 'shw')
  await fails(
    2,
    /no option --subjct\. Did you mean --subject\?/,
    'streams',
    'purge',
    'ORDERS',
    '--subjct',
    'a',
  )
  await fails(2, /STREAM is missing\.\n`contrail help streams` says more/, 'streams', 'show')
  assert.equal(await run('streams', 'delete', 'ORDERS', '--yes'), 'ORDERS is deleted\n')
  await assert.rejects(app.context.jsm.streams.info('ORDERS'))
})

test('consumers are listed, shown, updated, paused, resumed and deleted', async (t) => {
  const { consumer, run, fails } = await shop(t)
  await until(async () => (await consumer.info()).num_ack_pending === 0)
  assert.match(await run('consumers', 'list', 'ORDERS'), /^billing +0 +0 +0 +3 +pull +orders\.>$/m)
  assert.equal(JSON.parse(await run('consumers', 'show', 'ORDERS', 'billing')).name, 'billing')
  await run('consumers', 'update', 'ORDERS', 'billing', 'max_ack_pending=7', 'ack_wait=1m')
  const { config } = await consumer.info()
  assert.equal(config.max_ack_pending, 7)
  assert.equal(config.ack_wait, 60e9)
  await run('consumers', 'pause', 'ORDERS', 'billing', '--for', '1h')
  assert.equal((await consumer.info()).paused, true)
  assert.match(await run('consumers', 'list', 'ORDERS'), /paused/)
  await run('consumers', 'resume', 'ORDERS', 'billing')
  assert.notEqual((await consumer.info()).paused, true)
  await fails(2, /say --yes/, 'consumers', 'delete', 'ORDERS', 'billing')
  await fails(
    1,
    /no consumer "biling" of the stream "ORDERS"\. Did you mean "billing"\?/,
    'consumers',
    'show',
    'ORDERS',
    'biling',
  )
  await fails(
    2,
    /no field "ack_wiat"\. Did you mean "ack_wait"\?/,
    'consumers',
    'update',
    'ORDERS',
    'billing',
    'ack_wiat=1m',
  )
  await fails(1, /There is no stream "ORDRS"/, 'consumers', 'list', 'ORDRS')
})

test('buckets are listed, read, written and watched', async (t) => {
  const { stock, run, fails } = await shop(t)
  assert.match(await run('kv'), /^stock +2 +\d+ B +5$/m)
  assert.equal(await run('kv', 'keys', 'stock'), 'nut\n')
  assert.equal(await run('kv', 'get', 'stock', 'nut'), '8')
  assert.match(await run('kv', 'put', 'stock', 'bolt', '5'), /^revision 3$/m)
  assert.equal(await stock.get('bolt'), 5)
  assert.match(await run('kv', 'history', 'stock', 'nut'), /^1 .* nut {2}7\n2 .* nut {2}8\n$/)
  await run('kv', 'delete', 'stock', 'nut')
  await fails(1, /has no key "nut"/, 'kv', 'get', 'stock', 'nut')
  await fails(1, /There is no bucket "none"\. There is: stock\./, 'kv', 'get', 'none', 'nut')
})

test('a message is published: to a stream, to nobody, as a request, from standard input', async (t) => {
  const { app, orders, run, fails } = await shop(t)
  assert.equal(
    await run('publish', 'orders.9', '{"n":9}', '--id', 'nine', '--header', 'Shop: Bern'),
    'stored in ORDERS: 4\n',
  )
  assert.equal(await run('publish', 'orders.9', '{"n":9}', '--id', 'nine'), 'ORDERS has it already: 4\n')
  assert.equal(await run('publish', 'nowhere', 'x'), 'published; no stream keeps it\n')
  assert.equal(await run('publish', 'price.nut', '--request'), '{"sku":"nut"}')
  await fails(2, /Nothing can be published to "orders\.>"/, 'publish', 'orders.>', 'x')
  await fails(1, /"ORDERS" has no message 99/, 'streams', 'message', 'ORDERS', '99')
  await fails(1, /Nobody listens on who\.knows/, 'publish', 'who.knows', '--request')
  const piped = await contrail(['publish', 'orders.10', '-', '--from', app.url as string], 'from a pipe')
  assert.equal(piped.stdout, 'stored in ORDERS: 5\n')
  const stored = await app.context.jsm.streams.getMessage('ORDERS', { seq: 5 })
  assert.equal(stored?.string(), 'from a pipe')
  assert.equal((await orders.info()).state.messages, 5)
})

test('messages are shown as they come', async (t) => {
  const { app, run, fails } = await shop(t)
  const last = await run('tail', 'ORDERS', '--last', '2', '--count', '2', '--headers')
  assert.match(last, /^20\S+ {2}2 {2}orders\.2 {2}\{"n":2\}\n {2}Shop: Bern\n20\S+ {2}3 {2}orders\.3 /)
  await fails(2, /--count: at least 1/, 'tail', 'ORDERS', '--count', '0')
  await fails(1, /are of streams\. There is no stream "ORDRS"/, 'tail', 'ORDRS', '--last', '3')
  const child = spawn(process.execPath, [program, 'tail', 'prices.>', '--json', '--from', app.url as string])
  t.after(() => child.kill('SIGKILL'))
  let printed = ''
  child.stdout.on('data', (bytes) => {
    printed += bytes
  })
  await until(
    async () => {
      await app.publish('prices.nut', 12)
      return printed.includes('\n')
    },
    'a line',
    20_000,
  )
  const { subject, data } = JSON.parse(printed.split('\n')[0])
  assert.deepEqual({ subject, data }, { subject: 'prices.nut', data: '12' })
})

test('a store that nobody has open is looked into by its folder', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'contrail-inspect-'))
  t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))
  const { app } = await shop(t, { dir, port: 0 })
  const busy = await contrail(['streams', '--from', dir])
  assert.equal(busy.code, 1)
  assert.match(busy.stderr, /in use.*reached through its port/)
  await app.stop()
  const done = await contrail(['streams', '--from', dir])
  assert.match(done.stdout, /^ORDERS +3 /m, done.stderr)
})

test('a password in a URL may have a % in it, as it may for an app, and is not told', async (t) => {
  const { app } = await shop(t, { memory: true, port: 0, user: 'ops', password: '100%ok' })
  const url = String(app.url)
  for (const password of ['100%ok', '100%25ok']) {
    const done = await contrail(['streams', '--from', url.replace('//', `//ops:${password}@`)])
    assert.match(done.stdout, /^ORDERS /m, done.stderr)
  }
  const wrong = await contrail(['streams', '--from', url.replace('//', '//ops:s3cret@')])
  assert.match(wrong.stderr, /No connection to nats:.*Say who you are/)
  assert.doesNotMatch(wrong.stderr, /s3cret/)
})
