import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errors } from '@nats-io/nats-core'
import { z } from 'zod'
import {
  ContrailError,
  InvalidMessageError,
  ReplyError,
  type RequestFailedError,
} from '../../src/app/index.ts'
import { noAnswer } from '../../src/app/publisher/request-failure.ts'
import { makeApp, until } from './support.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('details of a ReplyError reach the one who asked, and it is no failure in the log', async (t) => {
  const app = makeApp(t)
  app.subscribe('find', () => {
    throw new ReplyError(404, 'no such order', { details: { order: 7, tried: ['eu', 'us'] } })
  })
  await app.start()
  await assert.rejects(app.request('find'), (error: RequestFailedError) => {
    assert.equal(error.code, 'REQUEST_FAILED')
    assert.equal(error.status, 404)
    assert.equal(error.description, 'no such order')
    assert.deepEqual(error.details, { order: 7, tried: ['eu', 'us'] })
    return true
  })
  assert.deepEqual(
    app.lines.filter((line) => line.level === 'error'),
    [],
  )
})

test('another error reaches the one who asked as an internal one, with an id that the log has', async (t) => {
  const app = makeApp(t)
  app.subscribe('find', async () => {
    throw new Error('the\ndatabase is away')
  })
  let id = ''
  await app.start()
  await assert.rejects(app.request('find'), (error: RequestFailedError) => {
    assert.equal(error.status, 500)
    assert.match(error.description, /^internal error \(\w{22}\)$/)
    assert.ok(!/database/.test(JSON.stringify(error)), 'nothing of it is told')
    id = (error.details as { id: string }).id
    assert.ok(error.description.includes(id))
    return true
  })
  const told = app.lines.filter((line) => line.sentence === 'the handler failed')
  assert.equal(told.length, 1)
  assert.equal(told[0].errorId, id)
  assert.match(String(told[0].err), /database is away/)
})

test('what is not valid of somebody else’s answer is no fault of the one who asked', async (t) => {
  const app = makeApp(t)
  app.subscribe('stock', () => ({ left: 'many' }))
  app.subscribe('order', async (_, { request }) =>
    request('stock', undefined, { schema: z.object({ left: z.number() }) }),
  )
  await app.start()
  await assert.rejects(app.request('order'), (error: RequestFailedError) => {
    assert.equal(error.status, 500)
    assert.match(error.description, /^internal error/)
    return true
  })
})

test('a request that the schema of its handler refuses is answered with 400 and the issues', async (t) => {
  const app = makeApp(t)
  app.subscribe('order', { schema: z.object({ quantity: z.number() }) }, () => 'taken')
  await app.start()
  await assert.rejects(app.request('order', { quantity: 'many' }), (error: RequestFailedError) => {
    assert.equal(error.status, 400)
    const { issues } = error.details as { issues: Array<{ path: string }> }
    assert.equal(issues[0].path, 'quantity')
    return true
  })
})

test('a request with a schema is typed by it, and rejects an answer that it refuses', async (t) => {
  const app = makeApp(t)
  app.subscribe('price', () => ({ cents: '250' }))
  await app.start()
  const Price = z.object({ cents: z.coerce.number() })
  const price = await app.request('price', undefined, { schema: Price })
  const cents: number = price.cents
  assert.equal(cents, 250)
  const publisher = app.publisher('price')
  const { cents: again } = await publisher.request(undefined, { schema: Price })
  assert.equal(again + 0, 250)
  await assert.rejects(
    app.request('price', undefined, { schema: z.object({ cents: z.number() }) }),
    InvalidMessageError,
  )
})

test('a request whose handler takes too long rejects with REQUEST_TIMEOUT', async (t) => {
  const app = makeApp(t)
  app.subscribe('slow', () => pause(300))
  await app.start()
  const begun = performance.now()
  await assert.rejects(
    app.request('slow', undefined, { timeout: '50ms' }),
    (error: ContrailError) => error instanceof ContrailError && error.code === 'REQUEST_TIMEOUT',
  )
  assert.ok(performance.now() - begun < 280)
})

test('requests and answers have headers and codecs', async (t) => {
  const app = makeApp(t)
  app.subscribe(
    'upper',
    { codec: 'text' },
    (text, { message }) => `${text.toUpperCase()} ${message.header('Who')}`,
  )
  await app.start()
  assert.equal(await app.request('upper', 'hello', { codec: 'text', headers: { Who: 'me' } }), 'HELLO me')
})

test('where a handler that is to answer returns nothing the answer is undefined', async (t) => {
  const app = makeApp(t)
  app.subscribe('nothing', { reply: true }, () => {})
  await app.start()
  assert.equal(await app.request('nothing'), undefined)
})

test('requests to a queue group are answered once each, by any of its members', async (t) => {
  const app = makeApp(t)
  const counts = [0, 0, 0]
  for (const member of [0, 1, 2]) {
    app.subscribe('work', { queue: 'workers' }, () => {
      counts[member]++
      return member
    })
  }
  await app.start()
  await Promise.all(Array.from({ length: 60 }, () => app.request('work')))
  assert.equal(counts[0] + counts[1] + counts[2], 60)
  assert.ok(
    counts.every((count) => count > 0),
    `${counts}`,
  )
})

test('with `returns` on core NATS the result goes there and not to the one who asked', async (t) => {
  const app = makeApp(t)
  const results: unknown[] = []
  app.subscribe('double', { schema: z.number(), returns: 'doubled' }, (n) => n * 2)
  app.subscribe('doubled', (n) => {
    results.push(n)
  })
  await app.start()
  await app.publish('double', 21)
  await until(() => results.length === 1)
  assert.deepEqual(results, [42])
  await assert.rejects(
    app.request('double', 1, { timeout: '50ms' }),
    (error: ContrailError) => error.code === 'REQUEST_TIMEOUT',
  )
})

test('publishing and asking reject, and never throw, whatever is wrong', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const loop: Record<string, unknown> = {}
  loop.loop = loop
  const early = [app.publish('a'), app.request('a'), orders.publish('orders.a')]
  for (const one of early) {
    await assert.rejects(one, (error: ContrailError) => error.code === 'NOT_STARTED')
  }
  await app.start()
  await assert.rejects(app.publish('a', loop), /circular/)
  await assert.rejects(orders.publish('orders.a', loop), /circular/)
  await assert.rejects(app.request('a', loop), /circular/)
  await assert.rejects(orders.publish('orders.a', 1, { timeout: 'soon' as never }), /timeout: "soon"/)
  await assert.rejects(app.request('a', 1, { timeout: 'soon' as never }), /timeout: "soon"/)
  await assert.rejects(app.publish('a', 1, { ttl: '1ms' }), /shorter than a second/)
})

test('a request under way when the app stops rejects, and a subject with a space is refused', async (t) => {
  const app = makeApp(t, { stopTimeout: '50ms' })
  app.subscribe('slow', () => pause(500))
  await app.start()
  await assert.rejects(app.request('a b'), ContrailError)
  const asked = assert.rejects(
    app.request('slow', undefined, { timeout: '10s' }),
    (error: ContrailError) => error.code === 'STOPPED',
  )
  await pause(10)
  await app.stop()
  await asked
})

test('what the client throws becomes an error with a code', () => {
  const codes = [
    new errors.NoRespondersError('a'),
    new errors.RequestError('x', { cause: new errors.NoRespondersError('a') }),
    new errors.TimeoutError(),
    new errors.PermissionViolationError('no', 'publish', 'a'),
    new errors.ClosedConnectionError(),
    new errors.InvalidSubjectError('a b'),
    new errors.ConnectionError('gone'),
  ].map((thrown) => noAnswer('a', thrown, 100).code)
  assert.deepEqual(codes, [
    'NO_RESPONDERS',
    'NO_RESPONDERS',
    'REQUEST_TIMEOUT',
    'NOT_PERMITTED',
    'STOPPED',
    'INVALID_SUBJECT',
    'DISCONNECTED',
  ])
})
