import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { App } from '../../src/app/index.ts'
import { MemoryLog, until } from '../app/support.ts'

const contrail = join(import.meta.dirname, '..', '..', '..', 'bin', 'contrail')

function deadLetters(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const all = [contrail, 'dead-letters', ...words]
    execFile(process.execPath, all, { timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

/** A running app with a port that could not handle three orders. */
async function shop(t: TestContext) {
  const app = new App({ memory: true, port: 0 }, { log: new MemoryLog(), stopTimeout: '5s' })
  t.after(() => app.stop())
  const orders = app.stream('ORDERS')
  const state = { isMended: false }
  const handled: unknown[] = []
  orders.consume('orders.>', { durable: 'billing', retry: { attempts: 1, deadLetter: true } }, (order) => {
    if (!state.isMended) throw new Error('no printer\u001b[31m')
    handled.push(order)
  })
  await app.start()
  for (const n of [1, 2, 3]) await orders.publish(`orders.${n}`, { n }, { headers: { Shop: 'Bern' } })
  await until(async () => (await orders.deadLetters.count()) === 3, 'the letters')
  return { orders, state, handled, url: app.url as string }
}

test('letters of a running app are listed, shown, sent again and dropped', async (t) => {
  const { orders, state, handled, url } = await shop(t)
  const list = await deadLetters('list', '--from', url, 'ORDERS')
  assert.equal(list.code, 0, list.stderr)
  assert.equal(list.stdout.trim().split('\n').length, 3)
  assert.match(list.stdout, /^1 {2}20\S+Z {2}orders\.1 {2}billing \(1 delivery\): no printer/)
  assert.ok(!list.stdout.includes('\u001b'), 'nothing that a terminal would obey')
  const page = await deadLetters('list', '--from', url, 'ORDERS', '--limit', '1', '--after', '1', '--json')
  const { data, ...letter } = JSON.parse(page.stdout)
  assert.equal(Buffer.from(data, 'base64').toString(), '{"n":2}')
  assert.equal(letter.subject, 'orders.2')
  assert.deepEqual(letter.headers, { Shop: ['Bern'] })
  const shown = await deadLetters('show', '--from', url, 'ORDERS_DEAD', '3')
  assert.match(
    shown.stdout,
    /orders\.3\n.*given up by billing.*\n {2}reason: no printer.*\n {2}Shop: Bern\n\n\{"n":3\}/,
  )
  state.isMended = true
  assert.equal((await deadLetters('resend', '--from', url, 'ORDERS', '2')).stdout, '1 sent again\n')
  await until(() => handled.length === 1, 'the second')
  assert.equal(
    (await deadLetters('drop', '--from', url, 'ORDERS', '--all', '--subject', 'orders.1')).stdout,
    '1 dropped\n',
  )
  assert.equal((await deadLetters('resend', '--from', url, 'ORDERS', '--all')).stdout, '1 sent again\n')
  await until(() => handled.length === 2, 'the rest')
  assert.deepEqual(handled, [{ n: 2 }, { n: 3 }])
  assert.equal(await orders.deadLetters.count(), 0)
})

test('what is wrong is said, with the exit code of its kind', async (t) => {
  const { url } = await shop(t)
  const fails = async (code: number, sentence: RegExp, ...words: string[]) => {
    const done = await deadLetters(...words)
    assert.match(done.stderr, sentence)
    assert.equal(done.code, code)
  }
  await fails(2, /What is to be done\?/)
  await fails(2, /Of which stream/, 'list')
  await fails(2, /Which ones\?/, 'resend', '--from', url, 'ORDERS')
  await fails(2, /"two" is no whole number/, 'drop', '--from', url, 'ORDERS', 'two')
  await fails(1, /There is no stream "ORDRS".*Did you mean "ORDERS"\?/, 'list', '--from', url, 'ORDRS')
  await fails(1, /no dead letter 99/, 'resend', '--from', url, 'ORDERS', '99')
})
