import assert from 'node:assert/strict'
import { test } from 'node:test'
import { App, type ContrailError } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

const code = (wanted: string, text?: RegExp) => (error: ContrailError) => {
  assert.equal(error.code, wanted, error.message)
  if (text !== undefined) assert.match(error.message, text)
  return true
}

test('a stream’s publish takes only subjects of that stream', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', {
    subjects: ['orders.{id}.created', 'orders.*.paid'],
    allowAtomic: true,
  })
  app.stream('PAYMENTS')
  await app.start()
  await orders.publish('orders.7.created', 1)
  const refused = code(
    'SUBJECT_NOT_IN_STREAM',
    /"ORDERS" does not keep "payments.1": it has "orders.\{id\}.created"/,
  )
  await assert.rejects(orders.publish('payments.1', 1), refused)
  await assert.rejects(
    orders.publish('orders.7.craeted', 1),
    code('SUBJECT_NOT_IN_STREAM', /Did you mean "orders.\{id\}.created"/),
  )
  const batch = [{ subject: 'orders.7.created' }, { subject: 'payments.1' }]
  await assert.rejects(orders.publishAtomic(batch), code('SUBJECT_NOT_IN_STREAM'))
  assert.throws(() => orders.publisher('payments.{id}'), code('SUBJECT_NOT_IN_STREAM'))
  assert.equal((await orders.info()).state.messages, 1)
})

test('a consumer of what its stream never has is an error at the declaration', (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  assert.throws(() => orders.consume('order.*', () => {}), code('SUBJECT_NOT_IN_STREAM', /"orders.>"/))
  assert.throws(
    () => orders.consumeBatch(['orders.*', 'payments.*'], {}, () => {}),
    code('SUBJECT_NOT_IN_STREAM', /"payments.\*"/),
  )
  // Where the stream is somebody else's, its subjects are not known here.
  app.stream('THEIRS', { declare: 'none' }).consume('anything.*')
})

test('the subjects of a stream that is left as it is are those it has', async (t) => {
  const app = makeApp(t)
  app.stream('SHARED', { subjects: ['shared.>', 'more.>'] })
  await app.start()
  const later = app.stream('SHARED', { subjects: ['shared.>'], declare: 'create' })
  await app.ready()
  await later.publish('more.1', 1)
  await assert.rejects(later.publish('less.1', 1), code('SUBJECT_NOT_IN_STREAM'))
})

test('nothing is published to a wildcard, or to what is no subject', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  await app.start()
  for (const subject of ['orders.>', 'orders.*.created', 'orders..created', 'orders.a b', '', 'orders.']) {
    await assert.rejects(app.publish(subject, 1), code('INVALID_SUBJECT'), subject)
    await assert.rejects(orders.publish(subject, 1), code('INVALID_SUBJECT'), subject)
  }
  // Wildcards are tokens of their own: these are subjects like any other.
  await orders.publish('orders.a*b', 1)
  await app.publish('orders.>>', 1)
  assert.equal((await orders.info()).state.messages, 2)
})

test('what nobody hears is told once for each subject, with the one that may be meant', async (t) => {
  const app = makeApp(t, { elsewhere: ['mail.>'] })
  app.stream('ORDERS', { subjects: ['orders.{id}.created'] })
  app.subscribe('stock.{sku}.reserve', () => {})
  await app.start()
  const told = () => app.lines.filter((line) => /Nobody in this app hears/.test(line.sentence))
  for (let id = 0; id < 20; id++) await app.publish(`order.${id}.created`, 1)
  await app.publish('stock.nut.reserve', 1)
  await app.publish('mail.welcome', 1)
  assert.equal(told().length, 1)
  assert.match(told()[0].sentence, /hears "order.0.created".*Did you mean "orders.\{id\}.created"\?/)
  await app.context.publish('stock.nut.resrve', 1)
  assert.match(told()[1].sentence, /Did you mean "stock.\{sku\}.reserve"\?/)
  for (const word of 'abcdefghijklmnopqrstuvwxyzäöüßàáâãåæç') await app.publish(`nobody.${word}`, 1)
  assert.equal(told().length, 32)
  const last = app.lines.filter((line) => /not told any more/.test(line.sentence))
  assert.equal(last.length, 1)
})

test('an app that declares nothing publishes for others, without a word', async (t) => {
  const app = makeApp(t)
  await app.start()
  await app.publish('orders.7.created', 1)
  assert.deepEqual(
    app.lines.filter((line) => line.level === 'warn'),
    [],
  )
})

test('in a strict app what nobody hears is an error', async (t) => {
  const app = makeApp(t, { strict: true, elsewhere: ['mail.{id}'] })
  app.stream('ORDERS')
  const heard: unknown[] = []
  app.subscribe('stock.*', { returns: 'stoks.done' }, (data) => {
    heard.push(data)
    return heard.length
  })
  const failures: unknown[] = []
  app.onError((thrown) => failures.push(thrown))
  await app.start()
  await app.publish('mail.1', 1)
  await assert.rejects(app.publish('order.7.created', 1), code('NOBODY_LISTENS', /Did you mean "orders.>"/))
  await assert.rejects(app.publish('order.7.created', 1), code('NOBODY_LISTENS'))
  // What a handler returns goes the same way.
  await app.publish('stock.nut', 1)
  await until(() => failures.length > 0)
  assert.equal((failures[0] as ContrailError).code, 'NOBODY_LISTENS')
  const empty = makeApp(t, { strict: true })
  await empty.start()
  await assert.rejects(empty.publish('a', 1), code('NOBODY_LISTENS'))
  assert.throws(() => new App({ memory: true }, { elsewhere: ['a..b'] }), code('INVALID_SUBJECT'))
})
