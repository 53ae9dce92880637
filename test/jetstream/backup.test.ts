import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backup, restore } from './backups.ts'
import { errorOf, House, type Json, tick } from './house.ts'

async function filled(storage: string): Promise<House> {
  const house = await House.open()
  await house.stream({ name: 'S', subjects: ['s.>'], storage, allow_msg_ttl: true })
  for (let i = 1; i <= 50; i++)
    await house.publish(`s.${i % 3}`, `message ${i} ${'x'.repeat(i * 20)}`, i % 2 ? ['K: v'] : [])
  for (const seq of [3, 20, 50]) await house.api('STREAM.MSG.DELETE.S', { seq })
  await house.api('CONSUMER.CREATE.S.c', {
    stream_name: 'S',
    config: { durable_name: 'c', ack_policy: 'explicit', ack_wait: 60e9 },
  })
  const delivered = house.listen('in')
  house.send('$JS.API.CONSUMER.MSG.NEXT.S.c', '{"batch":10,"no_wait":true}', [], 'in')
  for (let i = 0; i < 20; i++) await tick()
  assert.equal(delivered.length, 10)
  return house
}

async function everything(house: House): Promise<Json[]> {
  const messages: Json[] = []
  const { last_seq: last } = await house.state('S')
  for (let seq = 1; seq <= (last as number); seq++)
    messages.push(await house.api('STREAM.MSG.GET.S', { seq }))
  return messages
}

for (const storage of ['file', 'memory']) {
  test(`a stream comes back from its backup as it was, consumers too, and over a restart (${storage})`, async () => {
    const house = await filled(storage)
    const before = { messages: await everything(house), state: await house.state('S') }
    const consumer = await house.api('CONSUMER.INFO.S.c')
    const { answer, chunks } = await backup(house, 'S', { chunk_size: 1024, window_size: 2048 })
    assert.ok(chunks.length >= 3, `${chunks.length} chunks`)
    await house.api('STREAM.DELETE.S')
    const restored = await restore(house, answer, chunks)
    assert.equal(restored.error, undefined, JSON.stringify(restored))
    const check = async (there: House) => {
      assert.deepEqual({ messages: await everything(there), state: await there.state('S') }, before)
      const { delivered, ack_floor, num_ack_pending, num_pending, config } =
        await there.api('CONSUMER.INFO.S.c')
      assert.equal((delivered as Json).stream_seq, (consumer.delivered as Json).stream_seq)
      assert.equal((ack_floor as Json).stream_seq, (consumer.ack_floor as Json).stream_seq)
      assert.equal(num_ack_pending, 10)
      assert.equal(num_pending, consumer.num_pending)
      assert.equal((config as Json).ack_wait, 60e9)
    }
    await check(house)
    if (storage === 'file') await check(await (await house.restart()).restart())
    if (storage === 'file') await check(await house.crash())
  })
}

test('what is delivered and not acknowledged is delivered again after the restore', async () => {
  const house = await filled('file')
  const { answer, chunks } = await backup(house, 'S')
  await house.api('STREAM.DELETE.S')
  await restore(house, answer, chunks)
  for (let i = 0; i < 61; i++) await house.pass(1000)
  const again = house.listen('again')
  house.send('$JS.API.CONSUMER.MSG.NEXT.S.c', '{"batch":10,"no_wait":true}', [], 'again')
  for (let i = 0; i < 20; i++) await tick()
  assert.match(again[0].body, /^message 1 /)
  assert.equal(again.length, 10)
})

test('a backup without consumers has none', async () => {
  const house = await filled('file')
  const { answer, chunks } = await backup(house, 'S', { no_consumers: true })
  await house.api('STREAM.DELETE.S')
  const restored = await restore(house, answer, chunks)
  assert.equal((restored.state as Json).consumer_count, 0)
})

test('a backup that is cut off, damaged, or of something else leaves no stream behind', async () => {
  const house = await filled('file')
  const { answer, chunks } = await backup(house, 'S')
  await house.api('STREAM.DELETE.S')
  const whole = Buffer.concat(chunks)
  const damaged = Buffer.from(whole)
  damaged[Math.floor(whole.length / 2)] ^= 1
  for (const bad of [
    whole.subarray(0, whole.length - 3),
    damaged,
    Buffer.from('no archive at all'),
    Buffer.alloc(0),
  ]) {
    const failed = await restore(house, answer, bad.length === 0 ? [] : [bad])
    assert.equal(errorOf(failed)?.[0], 10062, JSON.stringify(failed))
    assert.equal(errorOf(await house.api('STREAM.INFO.S'))?.[0], 10059)
  }
  assert.equal((await restore(house, answer, chunks)).error, undefined)
})

test('a server that ends in the middle of a restore has no trace of it afterwards', async () => {
  for (const end of ['restart', 'crash'] as const) {
    const house = await filled('file')
    const { answer, chunks } = await backup(house, 'S', { chunk_size: 1024 })
    await house.api('STREAM.DELETE.S')
    const begun = await house.api('STREAM.RESTORE.S', { config: answer.config, state: answer.state })
    for (const chunk of chunks.slice(0, 2)) await house.ask(begun.deliver_subject as string, chunk)
    const next = await house[end]()
    assert.equal(errorOf(await next.api('STREAM.INFO.S'))?.[0], 10059)
    assert.equal((await restore(next, answer, chunks)).error, undefined)
    assert.equal((await next.state('S')).messages, 47)
  }
})

test('a restore from which nothing more comes is given up, and the name is free again', async () => {
  const house = await filled('file')
  const { answer, chunks } = await backup(house, 'S')
  await house.api('STREAM.DELETE.S')
  await house.api('STREAM.RESTORE.S', { config: answer.config, state: answer.state })
  assert.equal(errorOf(await house.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'] }))?.[0], 10058)
  assert.equal(errorOf(await restore(house, answer, chunks))?.[0], 10130)
  await house.pass(6000)
  assert.equal((await restore(house, answer, chunks)).error, undefined)
})

test('a receiver that goes away ends the backup', async () => {
  const house = await filled('file')
  const complete = house.listen('$JS.EVENT.ADVISORY.STREAM.SNAPSHOT_COMPLETE.S')
  house.bus.account('$G').subscribe('deaf', { onMessage: () => {} })
  await house.api('STREAM.SNAPSHOT.S', { deliver_subject: 'deaf', chunk_size: 1024, window_size: 1024 })
  for (let i = 0; i < 20; i++) await house.pass(500)
  assert.equal(JSON.parse(complete[0].body).error, 'no flow response')
})
