import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { headers } from '@nats-io/nats-core'
import { z } from 'zod'
import { ContrailError, InvalidMessageError, JobFailedError, Reject } from '../../src/app/index.ts'
import { anotherInstance, firstInstance, makeApp, until } from './support.ts'

const Mail = z.object({ to: z.string() })

test('a job is handled, and who added it gets the result', async (t) => {
  const app = makeApp(t)
  const emails = app.queue('emails', { schema: Mail, result: z.object({ sent: z.number() }) })
  emails.handle(({ to }, { job }) => ({ sent: to.length, id: job.id, try: job.tries }))
  await app.start()
  const job = await emails.add({ to: 'anna' })
  assert.deepEqual(await job.done, { sent: 4 }, 'as its schema gives it')
  assert.equal(job.isNew, true)
  const left = async () => (await app.context.jsm.streams.info('CONTRAIL_JOBS_emails')).state.messages
  await until(async () => (await left()) === 0, 'what is done to be gone')
})

test('what adds and what handles may be different processes, and the result is kept', async (t) => {
  const first = makeApp(t, firstInstance())
  const adding = first.queue<string, string>('letters')
  await first.start()
  const early = await adding.add('a')
  const second = makeApp(t, anotherInstance(first))
  second.queue<string, string>('letters').handle((text) => text.toUpperCase())
  await second.start()
  assert.equal(await early.done, 'A')
  const jobs = await adding.addBulk(['b', 'c', 'd'].map((data) => ({ data })))
  assert.deepEqual(await Promise.all(jobs.map((job) => job.done)), ['B', 'C', 'D'])
  assert.equal(await jobs[2].wait({ timeout: '5s' }), 'D', 'it is kept')
})

test('a job that throws is tried again after its pauses, as often as the queue or the job says, and has failed then', async (t) => {
  const app = makeApp(t)
  const tries: number[] = []
  const work = app.queue<string, number>('work', { attempts: 3, backoff: '10ms' })
  work.handle((what, { job }) => {
    if (what === 'flaky' && job.tries === 3) return job.attempts
    if (what === 'broken') tries.push(job.tries)
    throw new Error(`${what} at try ${job.tries}`)
  })
  await app.start()
  const flaky = await work.add('flaky')
  const broken = await work.add('broken', { attempts: 2 })
  assert.equal(await flaky.done, 3)
  await assert.rejects(broken.done, (thrown: JobFailedError) => {
    assert.ok(thrown instanceof JobFailedError)
    assert.equal(thrown.code, 'JOB_FAILED')
    assert.equal(thrown.reason, 'broken at try 2')
    assert.equal(thrown.outcome.tries, 2)
    return true
  })
  assert.deepEqual(tries, [1, 2])
  const [letter] = await work.deadLetters.list()
  assert.equal(letter.json(), 'broken')
})

test('a failed job that is sent again is handled again, under its id', async (t) => {
  const app = makeApp(t)
  let isMended = false
  const work = app.queue<number, string>('work', { attempts: 1 })
  work.handle(() => {
    if (!isMended) throw new Error('no')
    return 'well'
  })
  await app.start()
  const job = await work.add(1)
  await assert.rejects(job.done, JobFailedError)
  isMended = true
  assert.equal(await work.deadLetters.resend({}), 1)
  await until(async () => (await job.wait().catch(() => '')) === 'well', 'the other outcome')
})

test('a job that is rejected, or is not what the schema says, has failed at once', async (t) => {
  const app = makeApp(t)
  const emails = app.queue('emails', { schema: Mail, backoff: '1h' })
  emails.handle(() => {
    throw new Reject('no such mailbox')
  })
  await app.start()
  const job = await emails.add({ to: 'nobody' })
  await assert.rejects(job.done, /no such mailbox/)
  await assert.rejects(emails.add({ to: 7 } as never), InvalidMessageError)
  // Another client is not checked by us.
  await app.context.js.publish('contrail.jobs.emails.normal.other', '{"to":7}')
  await until(async () => (await emails.deadLetters.list({ reason: 'to: ' })).length === 1, 'the letter')
})

test('a delayed job begins after its delay, and a time that has gone by is now', async (t) => {
  const app = makeApp(t)
  const work = app.queue<string, number>('work')
  work.handle(() => Date.now())
  await app.start()
  const begun = Date.now()
  const later = await work.add('later', { delay: '1s', headers: { Shop: 'Bern' }, attempts: 5 })
  const past = await work.add('past', { at: new Date(begun - 60_000) })
  assert.ok((await past.done) - begun < 900)
  const after = (await later.done) - begun
  assert.ok(after >= 990 && after < 4000, `after ${after} ms`)
})

test('headers and attempts of a delayed job come with it', async (t) => {
  const app = makeApp(t)
  const work = app.queue<string, unknown>('work')
  work.handle((_, { message, job }) => [message.header('Shop'), job.attempts])
  await app.start()
  const job = await work.add('x', { delay: '50ms', headers: { Shop: 'Bern' }, attempts: 5 })
  assert.deepEqual(await job.done, ['Bern', 5])
})

test('progress is kept while a job runs', async (t) => {
  const app = makeApp(t)
  const work = app.queue<string>('work')
  work.handle(async (_, { job }) => {
    await job.progress({ part: 1, of: 2 })
    await job.progress({ part: 2, of: 2 })
  })
  await app.start()
  const { nc } = app.context
  const seen: unknown[] = []
  nc.subscribe('$KV.contrail_jobs_work.*.progress', {
    callback: (_, message) => void seen.push(message.json()),
  })
  await nc.flush()
  const job = await work.add('x')
  assert.equal(await job.done, undefined)
  await until(() => seen.length === 2, 'both notices')
  assert.deepEqual(seen, [
    { seq: job.seq, progress: { part: 1, of: 2 } },
    { seq: job.seq, progress: { part: 2, of: 2 } },
  ])
})

test('any client of NATS can add a job, and read what became of it', async (t) => {
  const app = makeApp(t)
  app.queue<{ n: number }, number>('work').handle(({ n }, { job }) => n * job.attempts)
  await app.start()
  const { nc, js, jsm } = app.context
  const all = headers()
  all.set('Contrail-Job-Attempts', '7')
  const answer = await nc.request('contrail.jobs.work.high.mine', '{"n":6}', { headers: all, timeout: 5000 })
  assert.equal(answer.json<{ stream: string }>().stream, 'CONTRAIL_JOBS_work')
  await until(
    async () => (await jsm.streams.info('KV_contrail_jobs_work')).state.messages === 1,
    'the result',
  )
  const kv = await app.context.kv('contrail_jobs_work')
  const outcome = (await kv.get('mine'))?.json<{ state: string; result: number; tries: number }>()
  assert.equal(outcome?.state, 'completed')
  assert.equal(outcome?.result, 42)
  assert.equal(outcome?.tries, 1)
  await assert.rejects(js.publish('contrail.jobs.work.mine', '{}'), 'no job without a lane and an id')
})

test('waiting has an end where one is given, and when the app stops', async (t) => {
  const app = makeApp(t)
  const work = app.queue('work')
  await app.start()
  const job = await work.add(1)
  await assert.rejects(
    job.wait({ timeout: '50ms' }),
    (thrown: ContrailError) => thrown.code === 'JOB_TIMEOUT',
  )
  const waiting = job.done
  waiting.catch(() => {})
  await wait(20)
  await app.stop()
  await assert.rejects(waiting, (thrown: ContrailError) => thrown.code === 'STOPPED')
})

test('a job whose result was kept is not handled again when its ack got lost', async (t) => {
  const app = makeApp(t)
  let calls = 0
  const work = app.queue<number, number>('work', { ackWait: '1s' })
  work.handle((_, { message }) => {
    calls++
    // As if the process had ended before the ack went out.
    message.ack = () => {}
    return calls
  })
  await app.start()
  const job = await work.add(1)
  assert.equal(await job.done, 1)
  await until(
    async () => (await app.context.jsm.streams.info('CONTRAIL_JOBS_work')).state.messages === 0,
    'its end',
    10_000,
  )
  assert.equal(calls, 1)
})

test('what is wrong with a queue or a job is said where it is declared or added', async (t) => {
  const app = makeApp(t)
  const refused = (sentence: RegExp, declare: () => unknown) => assert.throws(declare, sentence)
  refused(/"a\.b" can't name a queue/, () => app.queue('a.b'))
  refused(/concurrency: 0/, () => app.queue('a', { concurrency: 0 }))
  refused(/attempts: 1.5/, () => app.queue('a', { attempts: 1.5 }))
  refused(/partitions: only/, () => app.queue('a', { partitions: 3 }))
  refused(/keepResults: 10ms/, () => app.queue('a', { keepResults: '10ms' }))
  const work = app.queue('work')
  await assert.rejects(work.add(1), (thrown: ContrailError) => {
    assert.ok(thrown instanceof ContrailError)
    return thrown.code === 'NOT_STARTED'
  })
  await app.start()
  await assert.rejects(
    work.add(1, { priority: 'urgent' as never }),
    /"urgent" is none of "high", "normal", "low"/,
  )
  await assert.rejects(work.add(1, { dealy: '1s' } as never), /no option "dealy".*Did you mean "delay"/)
  await assert.rejects(work.repeat('r', '0 3 * * *', 1, { delay: '1s' } as never), /no option "delay"/)
  await assert.rejects(work.add(1, { attempts: 0 }), /attempts: 0/)
  await assert.rejects(work.add(1, { delay: 'soon' as never }), /delay: "soon"/)
})
