import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JobFailedError } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

test('while a job of a key is there no other one is added, delayed ones and other priorities included', async (t) => {
  const app = makeApp(t)
  const work = app.queue<string, string>('work')
  await app.start()
  const first = await work.add('first', { unique: 'anna@shop.ch' })
  assert.equal(first.id, 'anna=40shop=2Ech')
  for (const options of [{}, { priority: 'high' }, { delay: '1h' }] as const) {
    const again = await work.add('again', { unique: 'anna@shop.ch', ...options })
    assert.equal(again.isNew, false)
    assert.equal(again.seq, first.seq)
  }
  const delayed = await work.add('later', { unique: 'bob', delay: '1h' })
  assert.equal((await work.add('now', { unique: 'bob' })).isNew, false)
  assert.equal(delayed.isNew, true)
  assert.deepEqual(await work.get('anna@shop.ch'), {
    id: 'anna=40shop=2Ech',
    state: 'waiting',
    seq: first.seq,
    data: 'first',
  })
  assert.equal((await work.get('bob'))?.state, 'delayed')
  assert.equal((await work.get(first.id))?.data, 'first', 'by its id as well')
  assert.equal(await work.remove(first.id), true)
})

test('when it is through the next one is added, also after it failed', async (t) => {
  const app = makeApp(t)
  const handled: string[] = []
  const work = app.queue<string, number>('work', { attempts: 1 })
  work.handle((what) => {
    handled.push(what)
    if (what === 'bad') throw new Error('bad')
    return handled.length
  })
  await app.start()
  const added = (what: string) => work.add(what, { unique: 'one' })
  assert.equal(await (await added('a')).done, 1)
  await assert.rejects((await added('bad')).done, JobFailedError)
  assert.equal(await (await added('b')).done, 3)
  assert.deepEqual(handled, ['a', 'bad', 'b'])
})

test('a job that replaces another takes its place, wherever that waits; who waits for it gets the result', async (t) => {
  const app = makeApp(t)
  const handled: string[] = []
  const work = app.queue<string, string>('work')
  await app.start()
  const first = await work.add('first', { unique: 'key', delay: '1h' })
  await work.add('second', { unique: 'key', onDuplicate: 'replace' })
  await work.add('third', { unique: 'key', onDuplicate: 'replace', priority: 'high' })
  await work.add('other', { unique: 'other' })
  assert.equal((await work.counts()).waiting, 2)
  assert.equal((await work.counts()).delayed, 0)
  work.handle((what) => {
    handled.push(what)
    return what
  })
  await app.ready()
  assert.equal(await first.done, 'third')
  await until(() => handled.length === 2)
  assert.deepEqual(handled, ['third', 'other'])
})

test('of many that are added with one key at the same time one is there', async (t) => {
  const app = makeApp(t)
  const work = app.queue<number>('work')
  await app.start()
  const jobs = await work.addBulk(Array.from({ length: 20 }, (_, data) => ({ data, unique: 'one' })))
  assert.equal(jobs.filter((job) => job.isNew).length, 1)
  assert.equal(new Set(jobs.map((job) => job.seq)).size, 1)
  assert.equal((await work.counts()).waiting, 1)
})
