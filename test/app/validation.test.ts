import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import { type Codec, InvalidMessageError, RequestFailedError, type Schema } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

const schemas = {
  zod: z.object({ sku: z.string(), quantity: z.number().int() }),
  valibot: v.object({ sku: v.string(), quantity: v.pipe(v.number(), v.integer()) }),
  arktype: type({ sku: 'string', quantity: 'number.integer' }),
}

for (const [library, schema] of Object.entries(schemas) as Array<[string, Schema]>) {
  test(`messages are checked by ${library}, and what is wrong is named`, async (t) => {
    const app = makeApp(t)
    app.subscribe('order', { schema: schema as typeof schemas.zod }, (order) => order.quantity * 2)
    await app.start()
    assert.equal(await app.request('order', { sku: 'nut', quantity: 4 }), 8)
    await assert.rejects(app.request('order', { sku: 'nut', quantity: 1.5 }), (error: RequestFailedError) => {
      assert.ok(error instanceof RequestFailedError)
      assert.equal(error.status, 400)
      assert.match(error.description, /quantity/)
      return true
    })
  })
}

test('what a schema makes of a message is what the handler gets; an asynchronous one is waited for', async (t) => {
  const app = makeApp(t)
  const When = z.object({ at: z.string().transform((text) => new Date(text)) })
  const Known = z.string().refine(async (sku) => sku !== 'unknown', 'is not known')
  app.subscribe('when', { schema: When }, ({ at }) => at.getTime())
  app.subscribe('known', { schema: Known }, (sku) => `${sku} is known`)
  await app.start()
  assert.equal(await app.request('when', { at: '2026-01-02T00:00:00Z' }), Date.parse('2026-01-02T00:00:00Z'))
  assert.equal(await app.request('known', 'nut'), 'nut is known')
  await assert.rejects(app.request('known', 'unknown'), /is not known/)
})

test('messages may be text, bytes, or of a form of their own', async (t) => {
  const app = makeApp(t)
  const numbers: Codec<number[]> = {
    name: 'numbers',
    contentType: 'text/plain',
    encode: (value) => value.join(' '),
    decode: (data) => {
      const all = new TextDecoder().decode(data).split(' ').map(Number)
      if (all.some(Number.isNaN)) throw new Error('not all are numbers')
      return all
    },
  }
  app.subscribe('text', { codec: 'text' }, (text) => text.toUpperCase())
  app.subscribe('bytes', { codec: 'bytes' }, (bytes) => bytes.subarray(1))
  app.subscribe('numbers', { codec: numbers }, (all) => [all.reduce((a, b) => a + b)])
  await app.start()
  assert.equal(await app.request('text', 'loud', { codec: 'text' }), 'LOUD')
  assert.deepEqual(
    [...(await app.request<Uint8Array>('bytes', new Uint8Array([1, 2, 3]), { codec: 'bytes' }))],
    [2, 3],
  )
  assert.deepEqual(await app.request('numbers', [1, 2, 3], { codec: numbers }), [6])
  await assert.rejects(app.request('numbers', 'x y', { codec: 'text' }), /can't be read as numbers/)
})

test('bytes that are no JSON are an invalid message, not a crash', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  orders.consume('orders.>', { durable: 'w', ack: 'reject-on-error' }, () => {})
  await app.start()
  for (const bytes of ['{', new Uint8Array([0xff, 0xfe])]) {
    await orders.publish('orders.a', typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes)
  }
  await until(() => app.lines.filter((line) => line.err instanceof InvalidMessageError).length === 2)
})
