import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { JobFailedError, type QueueEvent } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

test('a job that is removed is not handled, and who waits for it is told', async (t) => {
  const app = makeApp(t)
  const handled: string[] = []
  const work = app.queue<string>('work')
  await app.start()
  const late = await work.add('late', { delay: '1h' })
  const soon = await work.add('soon')
  const kept = await work.add('kept')
  const waiting = late.done
  waiting.catch(() => {})
  assert.equal(await work.remove(late.id), true)
  assert.equal(await work.remove(soon.id), true)
  assert.equal(await work.remove(soon.id), false)
  for (const done of [waiting, soon.done]) {
    await assert.rejects(done, (thrown: JobFailedError) => {
      assert.ok(thrown instanceof JobFailedError)
      return thrown.code === 'JOB_REMOVED'
    })
  }
  work.handle((what) => {
    handled.push(what)
  })
  await app.ready()
  await kept.done
  assert.deepEqual(handled, ['kept'])
  assert.equal((await work.get(soon.id))?.state, 'removed')
})

test('a paused queue takes jobs and handles none until it is resumed, in all processes', async (t) => {
  const app = makeApp(t)
  const work = app.queue<number, number>('work')
  work.handle((n) => n + 1)
  await app.start()
  assert.equal(await work.isPaused(), false)
  await work.pause()
  assert.equal(await work.isPaused(), true)
  const job = await work.add(1)
  await assert.rejects(job.wait({ timeout: '200ms' }), /not done after 200ms/)
  assert.equal((await work.counts()).waiting, 1)
  await work.resume()
  assert.equal(await job.wait({ timeout: '5s' }), 2)
  await work.pause({ for: '300ms' })
  const other = await work.add(2)
  assert.equal(await other.wait({ timeout: '10s' }), 3, 'it goes on by itself')
})

test('jobs are counted', async (t) => {
  const app = makeApp(t)
  const release: Array<() => void> = []
  const work = app.queue<string>('work', { attempts: 1 })
  work.handle(async (what) => {
    if (what === 'bad') throw new Error('bad')
    await new Promise<void>((resolve) => release.push(resolve))
  })
  await app.start()
  assert.deepEqual(await work.counts(), { waiting: 0, active: 0, delayed: 0, repeated: 0, failed: 0 })
  await assert.rejects((await work.add('bad')).done)
  await work.add('good')
  await until(() => release.length === 1, 'one to run')
  await work.addBulk([{ data: 'a' }, { data: 'b' }, { data: 'c', delay: '1h' }])
  await work.repeat('nightly', '0 3 * * *', 'r')
  await until(async () => {
    const { waiting, active, ...rest } = await work.counts()
    assert.deepEqual(rest, { delayed: 1, repeated: 1, failed: 1 })
    return waiting + active === 3 && active >= 1
  }, 'the counts')
  release[0]()
  for (const n of [2, 3]) {
    await until(() => release.length === n)
    release[n - 1]()
  }
})

test('a job is repeated by the clock until that is ended; saying it again changes nothing', async (t) => {
  const app = makeApp(t)
  const begun: number[] = []
  const work = app.queue<{ report: string }>('work')
  work.handle(({ report }, { job, message }) => {
    assert.equal(report, 'daily')
    assert.equal(job.id, 'repeat-report')
    assert.equal(message.header('Shop'), 'Bern')
    begun.push(performance.now())
  })
  await app.start()
  const options = { headers: { Shop: 'Bern' } }
  await work.repeat('report', { every: '1s' }, { report: 'daily' }, options)
  const before = (await app.context.jsm.streams.info('CONTRAIL_JOBS_work')).state.last_seq
  await work.repeat('report', { every: '1s' }, { report: 'daily' }, options)
  assert.equal((await app.context.jsm.streams.info('CONTRAIL_JOBS_work')).state.last_seq, before)
  await until(() => begun.length >= 2, 'two turns', 10_000)
  assert.ok(begun[1] - begun[0] > 500)
  assert.equal(await work.unrepeat('report'), true)
  assert.equal(await work.unrepeat('report'), false)
  assert.equal((await work.counts()).repeated, 0)
})

test('events of all jobs come in order, progress too', async (t) => {
  const app = makeApp(t)
  const events: QueueEvent[] = []
  const work = app.queue<string, string>('work', { attempts: 1 })
  work.handle(async (what, { job }) => {
    if (what === 'bad') throw new Error('no good')
    await job.progress(0.5)
    return what
  })
  const watch = work.watch((event) => {
    events.push(event)
  })
  await app.start()
  await watch.caughtUp
  const good = await work.add('good')
  await good.done
  const bad = await work.add('bad')
  await assert.rejects(bad.done)
  const gone = await work.add('gone', { delay: '1h' })
  await work.remove(gone.id)
  await until(() => events.length === 4, 'the events')
  assert.deepEqual(
    events.map(({ type, id }) => [type, id]),
    [
      ['progress', good.id],
      ['completed', good.id],
      ['failed', bad.id],
      ['removed', gone.id],
    ],
  )
  const [progress, completed, failed] = events
  assert.ok(progress.type === 'progress' && progress.progress === 0.5)
  assert.ok(completed.type === 'completed' && completed.result === 'good' && completed.tries === 1)
  assert.ok(failed.type === 'failed' && failed.reason === 'no good')
  assert.equal((await work.get(good.id))?.progress, 0.5)
  await wait(0)
})
