/** `contrail/testing` under jest; run by test/peers/jest.test.ts. */
import { expect, test } from '@jest/globals'
import { App } from 'contrail'
import { testApp } from 'contrail/testing'

test('a handler is tested under jest', async () => {
  const app = new App(undefined, { logLevel: 'silent' })
  const handled = app
    .stream('ORDERS')
    .consume('orders.{id}', { durable: 'w', retry: { backoff: '1h' } }, (n, { message }) => {
      if (message.deliveries === 1) throw new Error('once')
      return n * 2
    })
  await using(await testApp(app, { rethrow: false }), async (tested) => {
    await tested.publish('orders.7', 21)
    await tested.advance('1h')
    expect(tested.calls(handled).map((call) => call.result)).toEqual([undefined, 42])
    expect(tested.calls(handled)[1].params).toEqual({ id: '7' })
  })
}, 30_000)

/** What `await using` does, for Node 20. */
async function using(tested, act) {
  try {
    await act(tested)
  } finally {
    await tested.stop()
  }
}
