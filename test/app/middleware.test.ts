import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { type HandlerContext, type Outgoing, ReplyError, Router } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

/** Middleware that writes down when it is passed. */
function tracer(steps: string[], name: string) {
  return async (_context: object, next: () => Promise<unknown>) => {
    steps.push(`${name}>`)
    try {
      return await next()
    } finally {
      steps.push(`<${name}`)
    }
  }
}

test('middleware goes from the app to the routers, from the outside in, to the handler, and back', async (t) => {
  const app = makeApp(t)
  const steps: string[] = []
  const outer = new Router({ prefix: 'shop' }).use(tracer(steps, 'outer'))
  const inner = new Router({ prefix: 'eu' }).use(tracer(steps, 'inner'))
  inner.subscribe('ask', { middleware: [tracer(steps, 'first'), tracer(steps, 'second')] }, () => {
    steps.push('handler')
    return 'done'
  })
  outer.include(inner)
  app.include(outer).use(tracer(steps, 'app'))
  await app.start()
  assert.equal(await app.request('shop.eu.ask'), 'done')
  assert.equal(steps.join(' '), 'app> outer> inner> first> second> handler <second <first <inner <outer <app')
})

test('middleware of a router is not around the handlers of others', async (t) => {
  const app = makeApp(t)
  const steps: string[] = []
  const router = new Router().use(tracer(steps, 'router'))
  router.subscribe('inside', () => 'inside')
  app.include(router)
  app.subscribe('outside', () => 'outside')
  await app.start()
  assert.equal(await app.request('outside'), 'outside')
  assert.deepEqual(steps, [])
  await app.request('inside')
  assert.deepEqual(steps, ['router>', '<router'])
})

test('middleware may change a result, answer instead of the handler, and turn an error into a result', async (t) => {
  const app = makeApp(t)
  app.use(async ({ subject }, next) => {
    if (subject === 'cached') return 'from the cache'
    try {
      return `<${await next()}>`
    } catch (thrown) {
      return `instead of: ${(thrown as Error).message}`
    }
  })
  let calls = 0
  app.subscribe('cached', () => calls++)
  app.subscribe('plain', () => 'result')
  app.subscribe('broken', () => {
    throw new Error('no')
  })
  await app.start()
  assert.equal(await app.request('cached'), 'from the cache')
  assert.equal(await app.request('plain'), '<result>')
  assert.equal(await app.request('broken'), 'instead of: no')
  assert.equal(calls, 0)
})

test('what middleware throws decides about the message: it is tried again', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  let tries = 0
  let handled = 0
  app.use((_context, next) => {
    if (++tries < 3) throw new Error('not yet')
    return next()
  })
  const consumer = jobs.consume('jobs.>', { durable: 'w', retry: { backoff: '5ms' } }, () => {
    handled++
  })
  await app.start()
  await jobs.publish('jobs.a')
  await until(() => handled === 1)
  assert.equal(tries, 3)
  await until(async () => (await consumer.info()).ack_floor.stream_seq === 1, 'the ack')
})

test('middleware sees messages that the schema refuses fail', async (t) => {
  const app = makeApp(t)
  const failures: string[] = []
  app.use(async (_context, next) => {
    try {
      return await next()
    } catch (thrown) {
      failures.push((thrown as { code: string }).code)
      throw thrown
    }
  })
  app.subscribe('numbers', { schema: z.number() }, () => {})
  await app.start()
  await app.publish('numbers', 'three')
  await until(() => failures.length === 1)
  assert.deepEqual(failures, ['INVALID_MESSAGE'])
})

test('middleware is around a batch once, and sees its messages', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const seen: unknown[] = []
  app.use((context, next) => {
    const { message, messages, subject, subscription } = context
    seen.push([messages.length, message === messages[0], subject, subscription.stream, subscription.group])
    return next()
  })
  orders.consumeBatch('orders.>', { durable: 'b', size: 3, wait: '1s' }, () => {})
  await app.start()
  await Promise.all([1, 2, 3].map((i) => orders.publish(`orders.${i}`, i)))
  await until(() => seen.length === 1)
  assert.deepEqual(seen, [[3, true, 'orders.1', 'ORDERS', 'b']])
})

test('the context says where a message comes from, as it was declared', async (t) => {
  const app = makeApp(t)
  const contexts: HandlerContext[] = []
  app.subscribe('rooms.{room}.said', { queue: 'readers' }, (_data, context) => {
    contexts.push(context)
  })
  await app.start()
  await app.publish('rooms.7.said', 'hello')
  await until(() => contexts.length === 1)
  const { messages, message, subscription } = contexts[0]
  assert.deepEqual(messages, [message])
  assert.deepEqual(subscription.sources, ['rooms.{room}.said'])
  assert.deepEqual(subscription.subjects, ['rooms.*.said'])
  assert.equal(subscription.stream, undefined)
  assert.equal(subscription.group, 'readers')
})

test('publications go through the app’s middleware, whichever way they are published', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { allowAtomic: true })
  const seen: string[] = []
  const tag = (outgoing: Outgoing, next: () => Promise<never>) => {
    seen.push(`${outgoing.kind} ${outgoing.subject}`)
    outgoing.options = { ...outgoing.options, headers: { Tag: 'x' } }
    return next()
  }
  app.usePublish(tag as never)
  const tags: Array<string | undefined> = []
  app.subscribe('core', (_data, { message }) => {
    tags.push(message.header('Tag'))
  })
  app.subscribe('ask', (_data, { message }) => message.header('Tag'))
  orders.consume('orders.>', { durable: 'w', returns: 'core' }, (_data, { message }) => {
    tags.push(message.header('Tag'))
    return 1
  })
  await app.start()
  await app.publish('core')
  assert.equal(await app.request('ask'), 'x')
  await orders.publish('orders.a')
  await until(() => tags.length === 3)
  assert.deepEqual(tags, ['x', 'x', 'x'])
  assert.deepEqual(seen, ['publish core', 'request ask', 'stream orders.a', 'publish core'])
})

test('every message of an atomic batch goes through middleware', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { allowAtomic: true })
  const seen: string[] = []
  app.usePublish((outgoing, next) => {
    seen.push(`${outgoing.kind} ${outgoing.subject}`)
    return next()
  })
  await app.start()
  const ack = await orders.publishAtomic([{ subject: 'orders.a' }, { subject: 'orders.b' }])
  assert.equal(ack.seq, 2)
  assert.deepEqual(seen, ['batch orders.a', 'stream orders.b'])
})

test('middleware of publications can hold back, refuse, and see errors', async (t) => {
  const app = makeApp(t)
  const failures: string[] = []
  app.usePublish(async (outgoing, next) => {
    if (outgoing.subject.startsWith('secret')) throw new Error('not allowed')
    if (outgoing.subject === 'mute') return undefined
    try {
      return await next()
    } catch (thrown) {
      failures.push((thrown as Error).name)
      throw thrown
    }
  })
  let muted = 0
  app.subscribe('mute', () => muted++)
  app.subscribe('ask', () => {
    throw new ReplyError(404, 'nothing')
  })
  await app.start()
  await assert.rejects(app.publish('secret.a'), /not allowed/)
  await app.publish('mute')
  await assert.rejects(app.request('ask'), /nothing \(404\)/)
  await assert.rejects(app.request('nobody'), /found nobody/)
  assert.deepEqual(failures, ['RequestFailedError', 'ContrailError'])
  assert.equal(muted, 0)
})

test('a router’s middleware is around what the router publishes, inside the app’s', async (t) => {
  const app = makeApp(t)
  const router = new Router({ prefix: 'shop' })
  const mark = (name: string) => (outgoing: Outgoing, next: () => Promise<never>) => {
    const before = (outgoing.options.headers as { Way?: string } | undefined)?.Way ?? ''
    outgoing.options = { ...outgoing.options, headers: { Way: `${before}>${name}` } }
    return next()
  }
  app.use({ publish: mark('app') as never })
  router.use({ publish: mark('router') as never })
  const ways: Record<string, string | undefined> = {}
  app.subscribe('seen.{by}', (_data, { message, params }) => {
    ways[params.by] = message.header('Way')
  })
  router.subscribe('work', { returns: 'seen.result' }, async (_data, { publish }) => {
    await publish('seen.context')
    return 1
  })
  const publisher = router.publisher('{by}')
  app.include(router)
  app.subscribe('shop.publisher', (_data, { message }) => {
    ways.publisher = message.header('Way')
  })
  await app.start()
  await app.publish('seen.app')
  await router.publish('seen.router')
  await publisher.publish(1, { params: { by: 'publisher' } })
  await app.publish('shop.work')
  await until(() => Object.keys(ways).length === 5)
  assert.deepEqual(ways, {
    app: '>app',
    router: '>app>router',
    publisher: '>app>router',
    context: '>app>router',
    result: '>app>router',
  })
})

test('onError is told of what handlers throw, with the message and what became of it', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  const told: string[] = []
  app.onError((thrown, { message, subject, log }) => {
    assert.equal(typeof log.info, 'function')
    told.push(`${subject}: ${(thrown as Error).message} (${message.settlement})`)
    throw new Error('the hook itself')
  })
  app.subscribe('sync', () => {
    throw new Error('at once')
  })
  app.subscribe('async', async () => {
    throw new Error('later')
  })
  app.subscribe('expected', () => {
    throw new ReplyError(404, 'nothing')
  })
  jobs.consume('jobs.>', { durable: 'w', ack: 'reject-on-error', middleware: [(_, next) => next()] }, () => {
    throw new Error('rejected')
  })
  await app.start()
  await assert.rejects(app.request('expected'), /404/)
  await app.publish('sync')
  await until(() => told.length === 1)
  await app.publish('async')
  await until(() => told.length === 2)
  await jobs.publish('jobs.a')
  await until(() => told.length === 3)
  assert.deepEqual(told, ['sync: at once (open)', 'async: later (open)', 'jobs.a: rejected (termed)'])
  await until(() => app.lines.filter((line) => line.sentence === 'a hook on errors failed').length === 3)
})

test('onError is told of a batch whose handler throws, once', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  const told: unknown[] = []
  app.onError((thrown, { messages }) => told.push([(thrown as Error).message, messages.length]))
  jobs.consumeBatch('jobs.>', { durable: 'w', size: 2, wait: '1s', ack: 'reject-on-error' }, () => {
    throw new Error('no')
  })
  await app.start()
  await Promise.all([jobs.publish('jobs.a'), jobs.publish('jobs.b')])
  await until(() => told.length === 1)
  assert.deepEqual(told, [['no', 2]])
})

test('every handled message can be a line of the log, with its id, subject and time', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  jobs.consume('jobs.>', { durable: 'w' }, (_data, { log }) => log.info('working'))
  await app.start()
  await jobs.publish('jobs.a', 1, { id: 'one' })
  await jobs.publish('jobs.b', 1)
  await until(() => app.lines.filter((line) => line.sentence === 'handled').length === 2)
  const [first, second] = app.lines.filter((line) => line.sentence === 'handled')
  assert.equal(first.level, 'debug')
  assert.equal(first.messageId, 'one')
  assert.equal(first.subject, 'jobs.a')
  assert.equal(first.stream, 'JOBS')
  assert.equal(first.consumer, 'w')
  assert.equal(first.settlement, 'acked')
  assert.ok((first.ms as number) >= 0)
  assert.equal(second.messageId, 'JOBS:2')
  const working = app.lines.filter((line) => line.sentence === 'working')
  assert.deepEqual(
    working.map((line) => line.messageId),
    ['one', 'JOBS:2'],
  )
})
