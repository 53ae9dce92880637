/** Who only listens never answers: neither other services' requests nor what a stream acknowledges. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { type ContrailError, ReplyError, RequestFailedError } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

test('a handler that returns nothing leaves the answer to the one who is asked', async (t) => {
  const app = makeApp(t)
  const heard: string[] = []
  app.subscribe('>', { codec: 'bytes' }, (_, { subject }) => {
    heard.push(subject)
  })
  app.subscribe('ask.price', async () => {
    await pause(20)
    return { cents: 5 }
  })
  await app.start()
  assert.deepEqual(await app.request('ask.price'), { cents: 5 })
  assert.ok(heard.includes('ask.price'))
})

test('`reply: true` answers with nothing where nothing is returned, `reply: false` never answers', async (t) => {
  const app = makeApp(t)
  app.subscribe('job', { reply: true }, () => {})
  app.subscribe('seen', { reply: false }, () => 1)
  app.subscribe('broken', { reply: false }, () => {
    throw new ReplyError(404, 'no')
  })
  await app.start()
  assert.equal(await app.request('job'), undefined)
  for (const subject of ['seen', 'broken']) {
    await assert.rejects(
      app.request(subject, undefined, { timeout: '150ms' }),
      (error: ContrailError) => error.code === 'REQUEST_TIMEOUT',
    )
  }
})

test('a listener that fails on what a stream takes does not answer in the place of its PubAck', async (t) => {
  const app = makeApp(t)
  app.stream('ORDERS')
  app.subscribe('orders.>', { schema: z.object({ id: z.number() }) }, () => {
    throw new Error('the audit is down')
  })
  await app.start()
  const inbox = app.subscribe('answers')
  await app.ready()
  const { nc } = app.context
  nc.publish('orders.a', '{"id":1}', { reply: 'answers' })
  nc.publish('orders.a', '{"id":"text"}', { reply: 'answers' })
  const answers = [await inbox.next({ timeout: '5s' }), await inbox.next({ timeout: '5s' })]
  for (const answer of answers) assert.equal(answer?.json<{ stream: string }>().stream, 'ORDERS')
  await until(() => app.lines.filter((line) => line.sentence === 'the handler failed').length === 2)
  assert.equal(await inbox.next({ timeout: '100ms' }), undefined)
})

test('a listener that let a request go unanswered, or can not read it, does not answer with its failure', async (t) => {
  const app = makeApp(t)
  app.subscribe('audit.>', (data) => {
    if (data === 'fail') throw new Error('no')
  })
  await app.start()
  const inbox = app.subscribe('answers')
  await app.ready()
  const { nc } = app.context
  for (const text of ['no JSON', '"well"', '"fail"']) nc.publish('audit.a', text, { reply: 'answers' })
  await until(() => app.lines.filter((line) => line.sentence === 'the handler failed').length === 2)
  assert.equal(await inbox.next({ timeout: '100ms' }), undefined)
})

test('a handler that answers tells the one who asks what it throws, from the first request on', async (t) => {
  const app = makeApp(t)
  app.subscribe('broken', () => {
    throw new Error('no')
  })
  await app.start()
  await assert.rejects(app.request('broken'), (error: RequestFailedError) => {
    assert.ok(error instanceof RequestFailedError)
    return error.status === 500
  })
})

test('what somebody else answers is not taken for the acknowledgement of a publication', async (t) => {
  const app = makeApp(t)
  app.stream('ORDERS', { declare: 'none' })
  await app.start()
  const { nc } = app.context
  const answers = ['', '{"issues":[]}', 'null', '1', 'no JSON', '{"stream":"ORDERS","seq":7}']
  nc.subscribe('orders.a', {
    callback: (_, message) => {
      for (const answer of answers) nc.publish(message.reply ?? '', answer)
    },
  })
  const ack = await app.publish('orders.a', 1)
  assert.deepEqual([ack?.stream, ack?.seq], ['ORDERS', 7])
  answers.pop()
  await assert.rejects(app.publish('orders.a', 1, { timeout: '200ms' }), (error: ContrailError) => {
    assert.equal(error.code, 'PUBLISH_TIMEOUT')
    assert.match(error.message, /"orders.a" was answered by somebody who is no stream/)
    return true
  })
})
