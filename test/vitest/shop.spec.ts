/** `contrail/testing` under vitest; run by test/peers/vitest.test.ts. */
import { App } from 'contrail'
import { testApp } from 'contrail/testing'
import { expect, test } from 'vitest'

test('a handler is tested under vitest', async () => {
  const app = new App(undefined, { logLevel: 'silent' })
  const orders = app.stream('ORDERS')
  const handled = orders.consume(
    'orders.{id}',
    { durable: 'w', retry: { backoff: '1h' } },
    (n: number, { message }) => {
      if (message.deliveries === 1) throw new Error('once')
      return n * 2
    },
  )
  await using tested = await testApp(app, { rethrow: false })
  await tested.publish('orders.7', 21)
  await tested.advance('1h')
  expect(tested.calls(handled).map((call) => call.result)).toEqual([undefined, 42])
  expect(tested.calls(handled)[1].params).toEqual({ id: '7' })
}, 30_000)
