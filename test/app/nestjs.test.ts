/** `contrail/nestjs` in real Nest applications, made with Nest's own test utilities. */
import 'reflect-metadata'
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Controller, Inject, Injectable, UseFilters } from '@nestjs/common'
import {
  type ClientProxy,
  Ctx,
  EventPattern,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  RpcException,
} from '@nestjs/microservices'
import { Test } from '@nestjs/testing'
import { firstValueFrom, from } from 'rxjs'
import { z } from 'zod'
import { Reject, ReplyError, type RequestFailedError, type StreamMessage } from '../../src/app/index.ts'
import {
  ContrailClient,
  type ContrailContext,
  ContrailFilter,
  ContrailRecord,
  ContrailTransport,
} from '../../src/nestjs/index.ts'
import { makeApp, until } from './support.ts'

const Order = z.object({ sku: z.string(), quantity: z.number() })

@Injectable()
class Book {
  readonly orders: Array<{ id: string; sku: string; tries: number }> = []
  readonly heard: unknown[] = []
  isBroken = false
}

@Controller()
class Shop {
  readonly #book: Book

  constructor(@Inject(Book) book: Book) {
    this.#book = book
  }

  @MessagePattern('stock.{sku}')
  stock(@Payload() wanted: number, @Ctx() context: ContrailContext) {
    return { sku: context.getParams().sku, left: 10 - wanted }
  }

  @MessagePattern({ cmd: 'sum' })
  sum(@Payload() numbers: number[]) {
    return from(numbers)
  }

  @MessagePattern('fails.{how}')
  fails(@Ctx() context: ContrailContext) {
    const { how } = context.getParams()
    if (how === 'rpc') throw new RpcException({ status: 404, message: 'no such thing' })
    if (how === 'reply') throw new ReplyError(409, 'taken', { details: { by: 'anna' } })
    throw new Error('a secret')
  }

  @EventPattern('news.>')
  news(@Payload() data: unknown, @Ctx() context: ContrailContext) {
    this.#book.heard.push([context.getSubject(), data, context.getMessage().header('Shop')])
  }

  @EventPattern('orders.{id}.created', {
    stream: 'ORDERS',
    durable: 'billing',
    schema: Order,
    retry: { attempts: 3, backoff: '5ms', deadLetter: true },
  })
  async bill(@Payload() { sku }: z.infer<typeof Order>, @Ctx() context: ContrailContext) {
    const { tries } = context.getMessage() as StreamMessage
    const { id } = context.getParams()
    if (id === 'never') throw new Reject('not to be billed')
    if (this.#book.isBroken && tries < 3) throw new Error('no paper')
    this.#book.orders.push({ id, sku, tries })
  }
}

UseFilters(new ContrailFilter())(Shop)

/** A microservice on an app of the test's, and a client. */
async function nest(t: TestContext) {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const module = await Test.createTestingModule({
    controllers: [Shop],
    providers: [Book, { provide: 'SHOP', useFactory: () => new ContrailClient(app) }],
  }).compile()
  const service = module.createNestMicroservice<MicroserviceOptions>({
    strategy: new ContrailTransport(app, { streams: [orders] }),
    logger: false,
  } as never)
  await service.listen()
  t.after(() => service.close())
  const client = module.get<ClientProxy>('SHOP')
  return { app, orders, service, client, book: module.get(Book) }
}

test('@MessagePattern answers, with the names of its subject, for objects too', async (t) => {
  const { app, client } = await nest(t)
  assert.deepEqual(await firstValueFrom(client.send('stock.nut', 3)), { sku: 'nut', left: 7 })
  assert.equal(await firstValueFrom(client.send({ cmd: 'sum' }, [1, 2, 3])), 3, 'the last value')
  // The wire is plain: any app, any client asks the same.
  assert.deepEqual(await app.request('stock.bolt', 1), { sku: 'bolt', left: 9 })
})

test('what a handler throws reaches who asked: RpcException, ReplyError', async (t) => {
  const { client } = await nest(t)
  const failed = async (how: string) => {
    try {
      await firstValueFrom(client.send(`fails.${how}`, {}))
    } catch (thrown) {
      const { status, description, details } = thrown as RequestFailedError
      return { status, description, details }
    }
    return assert.fail('it answered')
  }
  const rpc = await failed('rpc')
  assert.equal(rpc.status, 404)
  assert.equal(rpc.description, 'no such thing')
  assert.deepEqual(await failed('reply'), { status: 409, description: 'taken', details: { by: 'anna' } })
  assert.equal((await failed('other')).status, 500)
})

test('@EventPattern hears what is emitted, and does not answer', async (t) => {
  const { client, book } = await nest(t)
  const record = new ContrailRecord({ n: 1 }, { headers: { Shop: 'Bern' } })
  await firstValueFrom(client.emit('news.today', record), { defaultValue: undefined })
  await until(() => book.heard.length === 1, 'the news')
  assert.deepEqual(book.heard, [['news.today', { n: 1 }, 'Bern']])
})

test('on a stream an event is acknowledged, tried again, rejected; its schema is checked', async (t) => {
  const { client, book, orders } = await nest(t)
  const emit = (id: string, data: unknown) => {
    const emitted = client.emit(`orders.${id}.created`, new ContrailRecord(data, { id }))
    return firstValueFrom(emitted, { defaultValue: undefined })
  }
  await emit('1', { sku: 'nut', quantity: 1 })
  await until(() => book.orders.length === 1, 'the first')
  book.isBroken = true
  await emit('2', { sku: 'bolt', quantity: 1 })
  await until(() => book.orders.length === 2, 'the third try')
  assert.deepEqual(book.orders, [
    { id: '1', sku: 'nut', tries: 1 },
    { id: '2', sku: 'bolt', tries: 3 },
  ])
  await emit('never', { sku: 'nut', quantity: 1 })
  await emit('wrong', { sku: 7 })
  await until(async () => (await orders.deadLetters.count()) === 2, 'both letters')
  const letters = await orders.deadLetters.list()
  const reasons = letters.map(({ subject, reason }) => [subject, reason.slice(0, 16)]).toSorted()
  assert.deepEqual(reasons[0], ['orders.never.created', 'not to be billed'])
  assert.equal(reasons[1][0], 'orders.wrong.created')
})

test('the app starts with the service and stops with it', async (t) => {
  const { app, service } = await nest(t)
  assert.equal(app.state, 'running')
  await service.close()
  assert.equal(app.state, 'stopped')
})

test('a stream that the transport does not have, and a request on a stream, are errors at the start', async (t) => {
  @Controller()
  class Lost {
    @EventPattern('a.b', { stream: 'NOWHERE', durable: 'w' })
    a() {}
  }
  @Controller()
  class Asks {
    @MessagePattern('a.b', { stream: 'NOWHERE', durable: 'w' })
    a() {}
  }
  for (const [controller, sentence] of [
    [Lost, /no stream "NOWHERE" \(it has: none\)/],
    [Asks, /use @EventPattern/],
  ] as const) {
    const strategy = new ContrailTransport(makeApp(t))
    const module = await Test.createTestingModule({ controllers: [controller] }).compile()
    const service = module.createNestMicroservice<MicroserviceOptions>({ strategy, logger: false } as never)
    await service.init()
    const failure = await new Promise<unknown>((resolve) => strategy.listen(resolve))
    assert.match(String(failure), sentence)
    await service.close()
  }
})
