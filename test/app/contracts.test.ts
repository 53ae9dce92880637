import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import {
  ContrailError,
  contract,
  InvalidMessageError,
  ReplyError,
  type RequestFailedError,
} from '../../src/app/index.ts'
import { instances, makeApp, until } from './support.ts'

/** As a package of its own would have it. */
const shop = contract({
  price: {
    subject: 'price.{sku}',
    schema: z.object({ quantity: z.number().positive() }),
    response: z.object({ total: z.number() }),
  },
  orderCreated: { subject: 'orders.{id}.created', schema: z.object({ sku: z.string() }) },
  alive: { subject: 'alive', response: z.number() },
})

test('a request has the types of its contract, on both sides', async (t) => {
  const app = makeApp(t)
  shop.price.handle(app, ({ quantity }, { params }) => {
    const sku: string = params.sku
    return { total: quantity * (sku === 'nut' ? 25 : 100) }
  })
  await app.start()
  const { total } = await shop.price.request(app, { quantity: 3 }, { params: { sku: 'nut' } })
  const sum: number = total
  assert.equal(sum, 75)
  // @ts-expect-error the subject has a name
  await assert.rejects(shop.price.request(app, { quantity: 3 }), /can't stand for \{sku\}/)
  // @ts-expect-error it is a number
  const wrong = shop.price.request(app, { quantity: 'three' }, { params: { sku: 'nut' } })
  await assert.rejects(wrong, InvalidMessageError)
})

test('an event goes to whoever consumes it, from a handler too', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const seen: Array<[string, string]> = []
  shop.orderCreated.consume(orders, { durable: 'w' }, ({ sku }, { params, message }) => {
    assert.equal(message.tries, 1)
    seen.push([params.id, sku])
  })
  app.subscribe('order', async (_, context) => {
    await shop.orderCreated.publish(context, { sku: 'bolt' }, { params: { id: 8 } })
    return 'done'
  })
  await app.start()
  const ack = await shop.orderCreated.publish(app, { sku: 'nut' }, { params: { id: 7 }, id: 'seven' })
  assert.equal(ack?.stream, 'ORDERS')
  await app.request('order')
  await until(() => seen.length === 2, 'both')
  assert.deepEqual(seen, [
    ['7', 'nut'],
    ['8', 'bolt'],
  ])
})

test('an answer that breaks the contract is the handler’s fault, on whichever side it is found', async (t) => {
  const app = makeApp(t)
  shop.price.handle(app, () => ({ sum: 7 }) as never)
  app.subscribe('alive', () => 'yes')
  await app.start()
  const asked = shop.price.request(app, { quantity: 1 }, { params: { sku: 'nut' } })
  await assert.rejects(asked, (thrown: RequestFailedError) => thrown.status === 500)
  // By another program, that does not know the contract.
  await assert.rejects(shop.alive.request(app, undefined), InvalidMessageError)
})

test('asking all goes through the middleware, as asking one does; from an app and within a handler', async (t) => {
  const apps = await instances(t, 2, (app, index) => {
    shop.alive.handle(app, () => index)
    app.use({
      publish: (outgoing, next) => {
        if (outgoing.kind === 'request') outgoing.setHeader('Asked-By', 'middleware')
        return next()
      },
    })
    app.subscribe('who.asks', (_, { headers }) => `${index} ${headers?.get('Asked-By')}`)
    app.subscribe('count', { queue: 'one' }, async (_, { requestMany }) => {
      const seen: string[] = []
      for await (const answer of requestMany<string>('who.asks', '', { max: 2, timeout: '10s' }))
        seen.push(answer)
      return seen.sort()
    })
  })
  const wanted = ['0 middleware', '1 middleware']
  const seen: string[] = []
  for await (const answer of apps[0].requestMany('who.asks', '', {
    max: 2,
    timeout: '10s',
    schema: z.string(),
  }))
    seen.push(answer)
  assert.deepEqual(seen.sort(), wanted)
  assert.deepEqual(await apps[1].request('count'), wanted)
})

test('all who listen are asked, and their answers come as they are given', async (t) => {
  const apps = await instances(t, 3, (app, index) => {
    shop.alive.handle(app, () => index)
  })
  const all: number[] = []
  for await (const answer of shop.alive.requestMany(apps[0], undefined, { max: 3, timeout: '10s' }))
    all.push(answer)
  assert.deepEqual(all.sort(), [0, 1, 2])
  const none = contract({ nobody: { subject: 'nobody.knows' } })
  await assert.rejects(
    async () => {
      for await (const _ of none.nobody.requestMany(apps[0], 1)) assert.fail('an answer')
    },
    (thrown: ContrailError) => thrown instanceof ContrailError && thrown.code === 'NO_RESPONDERS',
  )
  apps[0].subscribe('fails', () => {
    throw new ReplyError(409, 'no')
  })
  await apps[0].ready()
  const failing = contract({ fails: { subject: 'fails' } })
  await assert.rejects(
    async () => {
      for await (const _ of failing.fails.requestMany(apps[0], 1, { max: 1 })) assert.fail('an answer')
    },
    (thrown: RequestFailedError) => thrown.status === 409,
  )
})

test('a contract with a wrong subject is an error where it is written', () => {
  assert.throws(() => contract({ a: { subject: 'a b' } }), ContrailError)
  assert.throws(() => contract({ a: { subject: 'a', respons: 1 } as never }), /Did you mean "response"/)
})
