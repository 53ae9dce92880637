import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorOf, House, type Json, tick } from './house.ts'

async function house(config: Json = {}): Promise<House> {
  const opened = await House.open()
  await opened.stream({ name: 'A', subjects: ['a.*'], allow_atomic: true, allow_batched: true, ...config })
  return opened
}

/** Publishes a message of the atomic batch `b`; the answer's body. */
async function atomic(on: House, seq: number, ...headers: string[]): Promise<Json> {
  const [answer] = await on.ask(`a.${seq}`, `${seq}`, [
    'Nats-Batch-Id: b',
    `Nats-Batch-Sequence: ${seq}`,
    ...headers,
  ])
  return answer.body === '' ? {} : JSON.parse(answer.body)
}

test('an atomic batch is stored whole, with its commit', async () => {
  const on = await house()
  assert.deepEqual(await atomic(on, 1), {})
  assert.deepEqual(await atomic(on, 2), {})
  assert.equal((await on.state('A')).messages, 0)
  assert.deepEqual(await atomic(on, 3, 'Nats-Batch-Commit: 1'), { stream: 'A', seq: 3, batch: 'b', count: 3 })
  assert.equal((await (await on.crash()).state('A')).messages, 3)
})

test('an atomic batch may end with a marker that is not stored', async () => {
  const on = await house()
  await atomic(on, 1)
  assert.deepEqual(await atomic(on, 2, 'Nats-Batch-Commit: eob'), {
    stream: 'A',
    seq: 1,
    batch: 'b',
    count: 1,
  })
  const { hdrs } = (await on.api('STREAM.MSG.GET.A', { seq: 1 })).message as Json
  assert.match(Buffer.from(String(hdrs), 'base64').toString(), /\r\nNats-Batch-Commit: 1\r\n\r\n$/)
})

test('an atomic batch with a gap, without a beginning, too long or too late is not stored', async () => {
  const on = await house()
  const abandoned = on.listen('$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.A')
  const incomplete: [number, string] = [10176, 'atomic publish batch is incomplete']
  assert.deepEqual(errorOf(await atomic(on, 2)), incomplete)
  await atomic(on, 1)
  assert.deepEqual(errorOf(await atomic(on, 3)), incomplete)
  assert.deepEqual(errorOf(await atomic(on, 1001)), [10199, 'atomic publish batch is too large: 1000'])
  await atomic(on, 1)
  await on.pass(10_001)
  assert.deepEqual(errorOf(await atomic(on, 2, 'Nats-Batch-Commit: 1')), incomplete)
  assert.deepEqual(errorOf(await atomic(on, 1, 'Nats-Batch-Commit: x')), [
    10200,
    'atomic publish batch commit is invalid',
  ])
  assert.deepEqual(
    abandoned.map((event) => JSON.parse(event.body).reason),
    ['incomplete', 'timeout'],
  )
  assert.equal((await on.state('A')).last_seq, 0)
  assert.deepEqual(on.js.host.staged, { batches: 0, bytes: 0, fastBatches: 0 })
})

test('one message of an atomic batch that may not be stored keeps out the others', async () => {
  const on = await house({ allow_rollup_hdrs: true, discard: 'new', max_msgs: 3 })
  const refused: [string[], number, string][] = [
    [['Nats-Expected-Last-Sequence: 1'], 10164, 'wrong last sequence'],
    [['Nats-Expected-Last-Sequence: 7'], 10071, 'wrong last sequence: 1'],
    [['Nats-Rollup: all'], 10111, 'batch rollup all invalid'],
    [['Nats-Msg-Id: one'], 10201, 'atomic publish batch contains duplicate message id'],
    [
      ['Nats-Expected-Last-Msg-Id: x'],
      10177,
      'atomic publish unsupported header used: Nats-Expected-Last-Msg-Id',
    ],
    [['Nats-Expected-Stream: X'], 10060, 'expected stream does not match'],
  ]
  for (const [headers, code, text] of refused) {
    await atomic(on, 1, 'Nats-Msg-Id: one')
    assert.deepEqual(
      errorOf(await atomic(on, 2, 'Nats-Batch-Commit: 1', ...headers)),
      [code, text],
      headers[0],
    )
  }
  for (const seq of [1, 2, 3]) await atomic(on, seq)
  assert.deepEqual(errorOf(await atomic(on, 4, 'Nats-Batch-Commit: 1')), [10077, 'maximum messages exceeded'])
  assert.equal((await on.state('A')).last_seq, 0)
})

test('fast ingest tells how far it is stored, and ends with an ack', async () => {
  const on = await house()
  const answers = on.listen('f.>')
  const send = (seq: number, operation: number) =>
    on.send('a.1', '', [], `f.id.10.fail.${seq}.${operation}.$FI`)
  send(1, 0)
  for (let seq = 2; seq <= 25; seq++) send(seq, 1)
  send(26, 2)
  for (let i = 0; i < 20; i++) await tick()
  assert.deepEqual(
    answers.map((answer) => answer.body),
    [
      '{"type":"ack","seq":0,"msgs":10}',
      '{"type":"ack","seq":10,"msgs":10}',
      '{"type":"ack","seq":20,"msgs":10}',
      '{"stream":"A","seq":26,"batch":"id","count":26}',
    ],
  )
})

test('a gap ends fast ingest, or is only told, as the publisher wishes', async () => {
  const on = await house()
  const answers = on.listen('f.>')
  const send = (id: string, mode: string, seq: number, operation: number) =>
    on.send('a.1', '', [], `f.${id}.10.${mode}.${seq}.${operation}.$FI`)
  const told = async (): Promise<string[]> => {
    for (let i = 0; i < 20; i++) await tick()
    return answers.splice(0).map((answer) => answer.body)
  }
  send('x', 'fail', 1, 0)
  send('x', 'fail', 3, 1)
  assert.deepEqual(await told(), [
    '{"type":"ack","seq":0,"msgs":10}',
    '{"type":"gap","last_seq":2,"seq":3}',
    '{"stream":"A","seq":1,"batch":"x","count":1}',
  ])
  send('y', 'ok', 1, 0)
  send('y', 'ok', 3, 1)
  send('y', 'ok', 4, 2)
  assert.deepEqual(await told(), [
    '{"type":"ack","seq":0,"msgs":10}',
    '{"type":"gap","last_seq":2,"seq":3}',
    '{"stream":"A","seq":4,"batch":"y","count":4}',
  ])
  send('z', 'ok', 2, 1)
  assert.match((await told())[0], /"err_code":10208/)
})
