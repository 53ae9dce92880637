/** An ack that is to be confirmed counts when it is; one that is not is told, and no failure of the handler. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Msg } from '@nats-io/nats-core'
import { App, type ContrailError } from '../../src/app/index.ts'
import { StreamMessage } from '../../src/app/message.ts'
import { MemoryLog, makeApp, until } from './support.ts'

const raw = { reply: '$JS.ACK.ORDERS.billing.1.7.7.1700000000000000000.0', subject: 'orders.a' } as Msg

test('a message is settled when its ack is confirmed, and asking twice asks the server once', async () => {
  const settled: string[] = []
  let confirm = () => {}
  let asked = 0
  const message = new StreamMessage(
    raw,
    {
      settled: (as) => settled.push(as),
      publish: () => {},
      request: () => {
        asked++
        return new Promise<void>((resolve) => {
          confirm = resolve
        })
      },
    },
    false,
  )
  const both = Promise.all([message.ackConfirmed(), message.ackConfirmed()])
  assert.equal(message.settlement, 'open')
  assert.deepEqual(settled, [])
  confirm()
  assert.deepEqual(await both, [true, true])
  assert.equal(message.settlement, 'acked')
  assert.deepEqual(settled, ['acked'])
  assert.equal(await message.ackConfirmed(), false)
  assert.equal(asked, 1)
})

test('a message whose ack is not confirmed stays open, and may be acknowledged again', async () => {
  let fails = true
  const message = new StreamMessage(
    raw,
    {
      publish: () => {},
      request: async () => {
        if (fails) throw new Error('timeout')
      },
    },
    false,
  )
  await assert.rejects(message.ackConfirmed(), (error: ContrailError) => {
    assert.equal(error.code, 'ACK_NOT_CONFIRMED')
    assert.match(
      error.message,
      /^Message 7 of the stream "ORDERS" \(consumer "billing"\) was acknowledged: timeout\./,
    )
    return true
  })
  assert.equal(message.settlement, 'open')
  fails = false
  assert.equal(await message.ackConfirmed(), true)
})

for (const [kind, handler] of [
  ['a synchronous', () => {}],
  ['an asynchronous', async () => {}],
] as const) {
  test(`an ack that is not confirmed is told after ${kind} handler, and the message comes again`, async (t) => {
    const base = makeApp(t)
    await base.start()
    const { nc } = base.context
    let isDeaf = true
    // As when the server goes away after the handler: what is asked of acks has no answer.
    const deaf = new Proxy(nc, {
      get(target, name) {
        if (name === 'request' && isDeaf) {
          return (subject: string, ...rest: []) =>
            subject.startsWith('$JS.ACK.')
              ? Promise.reject(new Error('timeout'))
              : target.request(subject, ...rest)
        }
        const value = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const log = new MemoryLog()
    const app = new App({ nc: deaf }, { log, stopTimeout: '5s' })
    const told: unknown[] = []
    app.onError((thrown) => told.push((thrown as ContrailError).code))
    let calls = 0
    const orders = app.stream('ORDERS')
    const consumer = orders.consume(
      'orders.>',
      { durable: 'billing', confirmAcks: true, ackWait: '300ms' },
      () => {
        calls++
        return handler()
      },
    )
    await app.start()
    t.after(() => app.stop())
    await orders.publish('orders.a', 1)
    await until(() => told.length === 1)
    isDeaf = false
    assert.deepEqual(told, ['ACK_NOT_CONFIRMED'])
    assert.ok(
      log.lines.some(({ level, sentence }) => level === 'error' && /ack is not confirmed/.test(sentence)),
    )
    // Neither given back nor given up, as no handler failed on it.
    assert.equal(calls, 1)
    await until(() => calls === 2)
    await until(async () => (await consumer.info()).num_ack_pending === 0)
  })
}

test('a batch of which an ack is not confirmed is told, and its other messages are acknowledged', async (t) => {
  const app = makeApp(t)
  const told: unknown[] = []
  app.onError((thrown) => told.push((thrown as ContrailError).code))
  const orders = app.stream('ORDERS')
  let batch: readonly StreamMessage[] = []
  orders.consumeBatch(
    'orders.>',
    { durable: 'billing', confirmAcks: true, size: 3, wait: '1s', ackWait: '10s' },
    (_, { messages }) => {
      batch = messages
      Object.defineProperty(messages[1], 'ackConfirmed', {
        value: () => Promise.reject(new Error('no answer')),
      })
    },
  )
  await app.start()
  for (const n of [1, 2, 3]) await orders.publish('orders.a', n)
  await until(() => told.length === 1)
  assert.deepEqual(
    batch.map(({ settlement }) => settlement),
    ['acked', 'open', 'acked'],
  )
})
