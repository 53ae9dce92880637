import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { type AckMode, Reject } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

test('what a handler rejects is not tried again: it is a dead letter at once, with the reason', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  let calls = 0
  orders.consume('orders.>', { durable: 'w', retry: { backoff: '5ms', deadLetter: true } }, () => {
    calls++
    throw new Reject('no such customer')
  })
  await app.start()
  await orders.publish('orders.1', {})
  await until(async () => (await orders.deadLetters.count()) === 1, 'the letter')
  assert.equal((await orders.deadLetters.list())[0].reason, 'no such customer')
  assert.equal(calls, 1)
})

for (const ack of ['nack-on-error', 'on-success', 'manual'] satisfies AckMode[]) {
  test(`what can't be read is given up at once, with ack: '${ack}'`, async (t) => {
    const app = makeApp(t)
    const orders = app.stream('ORDERS')
    const schema = z.object({ n: z.number() })
    orders.consume(
      'orders.>',
      { durable: 'w', ack, schema, ackWait: '1h', retry: { deadLetter: true } },
      () => {},
    )
    await app.start()
    await orders.publish('orders.1', { n: 'one' })
    await until(async () => (await orders.deadLetters.count()) === 1, 'the letter')
    assert.match((await orders.deadLetters.list())[0].reason, /n: /)
    await until(async () => {
      const { num_ack_pending } = await app.context.jsm.consumers.info('ORDERS', 'w')
      return num_ack_pending === 0
    }, 'the end of it')
  })
}

test('a rule says by the error whether it is tried again, and when', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  class Busy extends Error {}
  class Broken extends Error {}
  const asked: Array<[string, number]> = []
  const tries = new Map<string, number>()
  orders.consume(
    'orders.{id}',
    {
      durable: 'w',
      retry: {
        attempts: 3,
        backoff: '1h',
        deadLetter: true,
        when: (thrown, tried) => {
          asked.push([(thrown as Error).message, tried])
          return thrown instanceof Busy ? '5ms' : !(thrown instanceof Broken)
        },
      },
    },
    (_, { params: { id } }) => {
      tries.set(id, (tries.get(id) ?? 0) + 1)
      if (id === 'busy') throw new Busy('busy')
      if (id === 'broken') throw new Broken('broken')
    },
  )
  await app.start()
  await orders.publish('orders.busy')
  await orders.publish('orders.broken')
  await until(async () => (await orders.deadLetters.count()) === 2, 'both letters')
  assert.deepEqual([...tries].sort(), [
    ['broken', 1],
    ['busy', 3],
  ])
  // Not asked after the last try.
  assert.deepEqual(asked.toSorted(), [
    ['broken', 1],
    ['busy', 1],
    ['busy', 2],
  ])
})

test('a rule that fails itself says nothing', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  let tries = 0
  const when = () => {
    throw new Error('the rule is wrong')
  }
  // What the tests before it left in the stream is not meant.
  orders.consume('orders.rule', { durable: 'w', retry: { backoff: '5ms', when } }, () => {
    if (++tries < 3) throw new Error('no')
  })
  await app.start()
  await orders.publish('orders.rule')
  await until(() => tries === 3, 'the third try')
})
