import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { headers } from '@nats-io/nats-core'
import { ContrailError } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

const RETRY = { attempts: 2, backoff: '5ms', deadLetter: true } as const

interface Order {
  n: number
}

/** A shop whose bills fail until it is mended. */
async function shop(t: TestContext) {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const state = { isMended: false }
  const billed: Array<{ n: number; tries: number; shop: string | undefined }> = []
  const shipped: number[] = []
  orders.consume('orders.>', { durable: 'billing', retry: RETRY }, (order: Order, { message }) => {
    if (!state.isMended) throw new Error(`no printer for ${order.n}`)
    billed.push({ n: order.n, tries: message.tries, shop: message.header('Shop') })
  })
  orders.consume('orders.>', { durable: 'shipping' }, (order: Order) => {
    shipped.push(order.n)
  })
  await app.start()
  return { app, orders, state, billed, shipped }
}

test('dead letters are listed with where they come from, and why', async (t) => {
  const { orders } = await shop(t)
  assert.deepEqual(await orders.deadLetters.list(), [], 'none yet')
  await orders.publish('orders.7.created', { n: 7 }, { headers: { Shop: 'Bern' }, id: 'seven' })
  await until(async () => (await orders.deadLetters.count()) === 1, 'the letter')
  const [letter] = await orders.deadLetters.list()
  assert.equal(letter.subject, 'orders.7.created')
  assert.equal(letter.stream, 'ORDERS')
  assert.equal(letter.consumer, 'billing')
  assert.equal(letter.reason, 'no printer for 7')
  assert.equal(letter.messageSeq, 1)
  assert.ok(Math.abs(letter.time.getTime() - Date.now()) < 60_000)
  assert.deepEqual(letter.json(), { n: 7 })
  assert.deepEqual([...letter.headers.keys()], ['Shop'])
  assert.deepEqual((await orders.deadLetters.get(letter.seq))?.json(), { n: 7 })
  assert.equal(await orders.deadLetters.get(99), undefined)
})

test('pages and filters', async (t) => {
  const { orders } = await shop(t)
  for (let n = 1; n <= 5; n++) await orders.publish(`orders.${n}.${n % 2 ? 'created' : 'paid'}`, { n })
  await until(async () => (await orders.deadLetters.count()) === 5, 'the letters')
  const box = orders.deadLetters
  const numbers = async (options: object) => {
    const letters = await box.list(options)
    return letters.map((letter) => letter.json<{ n: number }>().n).sort()
  }
  const first = await box.list({ limit: 2 })
  assert.equal(first.length, 2)
  const rest = await box.list({ after: first[1].seq })
  assert.equal(rest.length, 3)
  assert.deepEqual(await numbers({ subject: 'orders.*.paid' }), [2, 4])
  assert.deepEqual(await numbers({ reason: 'for 3' }), [3])
  assert.deepEqual(await numbers({ consumer: 'shipping' }), [])
  let all = 0
  for await (const _ of box) all++
  assert.equal(all, 5)
  await assert.rejects(box.list({ limit: 0 }), /limit: 0/)
  await assert.rejects(box.resend({ subjekt: 'orders.1' } as never), /Did you mean "subject"/)
})

test('a message that is sent again has its tries anew, and only who gave it up gets it', async (t) => {
  const { orders, state, billed, shipped } = await shop(t)
  for (let n = 1; n <= 3; n++) await orders.publish(`orders.${n}`, { n }, { headers: { Shop: 'Bern' } })
  const box = orders.deadLetters
  await until(async () => (await box.count()) === 3 && shipped.length === 3, 'the letters')
  // Not mended yet: it comes back.
  const [one] = await box.list({ subject: 'orders.1' })
  assert.equal(await box.resend(one.seq), 1)
  await until(async () =>
    (await box.list({ after: one.seq })).some((letter) => letter.subject === 'orders.1'),
  )
  assert.equal(await box.count(), 3)
  state.isMended = true
  const [two] = await box.list({ subject: 'orders.2' })
  assert.equal(await box.resend([two.seq]), 1)
  await until(() => billed.length === 1, 'one')
  assert.deepEqual(billed, [{ n: 2, tries: 1, shop: 'Bern' }])
  assert.equal(await box.resend({}), 2)
  await until(() => billed.length === 3, 'all')
  assert.equal(await box.count(), 0)
  await orders.publish('orders.4', { n: 4 })
  await until(() => billed.length === 4 && shipped.length === 4, 'a new one')
  assert.deepEqual(shipped.toSorted(), [1, 2, 3, 4], 'what is shipped is not shipped again')
})

test('sent to all, the others get it too', async (t) => {
  const { orders, state, shipped } = await shop(t)
  await orders.publish('orders.1', { n: 1 })
  await until(async () => (await orders.deadLetters.count()) === 1 && shipped.length === 1, 'the letter')
  state.isMended = true
  assert.equal(await orders.deadLetters.resend({ consumer: 'billing' }, { toAll: true }), 1)
  await until(() => shipped.length === 2, 'it comes to all')
})

test('where the process ended in the midst of sending again, the next time stores no second one', async (t) => {
  const { app, orders, state, billed } = await shop(t)
  await orders.publish('orders.1', { n: 1 })
  const box = orders.deadLetters
  await until(async () => (await box.count()) === 1, 'the letter')
  state.isMended = true
  const { jsm } = app.context
  const remove = jsm.streams.deleteMessage.bind(jsm.streams)
  jsm.streams.deleteMessage = () => Promise.reject(new Error('the plug was pulled'))
  await assert.rejects(box.resend({}), /the plug was pulled/)
  jsm.streams.deleteMessage = remove
  assert.equal(await box.count(), 1)
  assert.equal(await box.resend({}), 1)
  await until(() => billed.length === 1)
  assert.equal((await orders.info()).state.last_seq, 2)
})

test('dropped letters are gone, and a name that is none is an error', async (t) => {
  const { orders } = await shop(t)
  for (let n = 1; n <= 3; n++) await orders.publish(`orders.${n}`, { n })
  const box = orders.deadLetters
  await until(async () => (await box.count()) === 3, 'the letters')
  const [one] = await box.list({ subject: 'orders.1' })
  assert.equal(await box.drop(one.seq), 1)
  assert.equal(await box.count(), 2)
  await assert.rejects(box.resend(one.seq), (thrown: ContrailError) => {
    assert.ok(thrown instanceof ContrailError)
    return thrown.code === 'NOT_FOUND' && /no dead letter/.test(thrown.message)
  })
  assert.equal(await box.drop({}), 2)
  assert.equal(await box.count(), 0)
})

test('letters in a stream of their own name, beside other messages', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  app.stream('FAILED', { subjects: ['failed.>'] })
  let isMended = false
  const handled: unknown[] = []
  orders.consume(
    'orders.>',
    { durable: 'w', retry: { attempts: 1, deadLetter: 'failed.orders' } },
    (data) => {
      if (!isMended) throw new Error('no')
      handled.push(data)
    },
  )
  await app.start()
  await app.publish('failed.otherwise', { n: 0 })
  await orders.publish('orders.1', { n: 1 })
  const box = app.deadLetters('FAILED')
  await until(async () => (await box.list()).length === 1, 'the letter')
  isMended = true
  assert.equal(await box.resend({}), 1)
  await until(() => handled.length === 1)
  assert.equal(await box.count(), 1, 'what is no letter stays')
})

test('a letter whose stream is gone stays, and the error says so', async (t) => {
  const { app, orders } = await shop(t)
  const all = headers()
  all.set('Contrail-Dead-Letter-Subject', 'nowhere.7')
  all.set('Contrail-Dead-Letter-Stream', 'NOWHERE')
  all.set('Contrail-Dead-Letter-Consumer', 'w')
  await orders.publish('orders.1', { n: 1 })
  await until(async () => (await orders.deadLetters.count()) === 1)
  await app.context.js.publish('dead.ORDERS.nowhere.7', '', { headers: all })
  await assert.rejects(orders.deadLetters.resend({ subject: 'nowhere.>' }), /nowhere\.7/)
  assert.equal(await orders.deadLetters.count(), 2)
})
