import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ContrailError, CRON_STREAM } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

test('a message is published after a while, with its headers, and its schedule is gone then', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { allowSchedules: true })
  const seen: Array<{ data: unknown; shop: string | undefined; at: number }> = []
  orders.consume('orders.>', { durable: 'w' }, (data, { message }) => {
    seen.push({ data, shop: message.header('Shop'), at: performance.now() })
  })
  await app.start()
  const begun = performance.now()
  const later = await orders.schedule(
    'orders.remind',
    { n: 1 },
    { after: '1s' },
    { headers: { Shop: 'Bern' } },
  )
  assert.equal(later.subject, `schedules.ORDERS.${later.id}`)
  await until(() => seen.length === 1)
  assert.deepEqual({ ...seen[0], at: 0 }, { data: { n: 1 }, shop: 'Bern', at: 0 })
  assert.ok(seen[0].at - begun >= 900, `${seen[0].at - begun} ms`)
  await until(async () => (await orders.info()).state.messages === 1, 'the end of the schedule')
})

test('a schedule that was ended does not publish', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { allowSchedules: true })
  await app.start()
  await orders.schedule('orders.remind', 1, { after: '1s' }, { id: 'one' })
  assert.equal(await orders.unschedule('one'), true)
  assert.equal(await orders.unschedule('one'), false)
  await new Promise((resolve) => setTimeout(resolve, 1300))
  assert.equal((await orders.info()).state.messages, 0)
})

test('a job runs every second, once for all apps of its name', async (t) => {
  const app = makeApp(t, { name: 'shop' })
  const times: Date[] = []
  const job = app.cron('tick', { every: '1s' }, ({ message }) => {
    times.push(message.time)
  })
  await app.start()
  // The same job a second time, as in another process of the app.
  const another = makeApp(t, { name: 'shop', broker: { nc: app.context.nc } })
  another.cron('tick', { every: '1s' }, ({ message }) => {
    times.push(message.time)
  })
  await another.start()
  await until(() => times.length >= 2, 'two turns', 8000)
  const apart = times[1].getTime() - times[0].getTime()
  // Both apps at once would be next to nothing apart; a busy machine makes a turn late.
  assert.ok(apart > 200, `${apart} ms`)
  await job.remove()
  const { state } = await app.context.jsm.streams.info(CRON_STREAM, { subjects_filter: 'schedules.>' })
  assert.equal(Object.keys(state.subjects ?? {}).length, 0)
})

test('what is no crontab, no time, too often, or no name is refused with a sentence', async (t) => {
  const app = makeApp(t)
  const refused = (declare: () => unknown) =>
    assert.throws(declare, (error: ContrailError) => error.code === 'INVALID_OPTION')
  refused(() => app.cron('job', '* *', () => {}))
  refused(() => app.cron('job', { every: '10ms' }, () => {}))
  refused(() => app.cron('job', { at: 'yesterday' }, () => {}))
  refused(() => app.cron('my job', '@daily', () => {}))
})

test('a crontab that the server can not read is an option that can not be', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { allowSchedules: true })
  const queue = app.queue('mails')
  await app.start()
  const refused = (done: Promise<unknown>) =>
    assert.rejects(done, (error: ContrailError) => {
      assert.equal(error.code, 'INVALID_OPTION')
      assert.match(error.message, /"0 99 \* \* \* \*" is no crontab/)
      return true
    })
  await refused(orders.schedule('orders.1', {}, { cron: '99 * * * *' }))
  await refused(queue.repeat('daily', '99 * * * *', {}))
  const another = makeApp(t)
  another.cron('job', '99 * * * *', () => {})
  await refused(another.start())
})
