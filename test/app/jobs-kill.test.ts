/** Workers that are killed in the midst of jobs, and a store that is closed and opened. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { App } from '../../src/app/index.ts'
import { firstInstance, MemoryLog, makeApp, onRealServer, until } from './support.ts'

const JOBS = 60
const program = join(import.meta.dirname, 'jobs-app.js')

test('whoever waits for jobs gets their results, though their workers are killed one after the other', {
  skip: process.platform === 'win32',
}, async (t) => {
  const app = makeApp(t, firstInstance())
  const work = app.queue<number, number>('work', { ackWait: '1s', totalConcurrency: 2 })
  await app.start()
  const url = process.env.CONTRAIL_TEST_SERVERS ?? (app.url as string)
  const begun: string[] = []
  const start = () => {
    const args = [program, url, process.env.CONTRAIL_TEST_REPLICAS ?? '']
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.on('data', (bytes) => begun.push(...String(bytes).trim().split('\n')))
    t.after(() => child.kill('SIGKILL'))
    return child
  }
  const jobs = await work.addBulk(Array.from({ length: JOBS }, (_, data) => ({ data })))
  const results = Promise.all(jobs.map((job) => job.done))
  results.catch(() => {})
  for (let kill = 0; kill < 2; kill++) {
    const before = begun.length
    const child = start()
    await until(() => begun.length > before + 4, 'jobs to begin', 30_000)
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const last = start()
  assert.deepEqual(
    await results,
    jobs.map((_, n) => n * 2),
  )
  last.kill('SIGTERM')
  await once(last, 'exit')
  assert.equal((await work.counts()).failed, 0)
  // Only what was being handled when it died may begin a second time: two at a time, and what they took ahead began with nobody.
  assert.ok(begun.length <= JOBS + 4, `${begun.length} begun`)
})

test('delayed jobs, unique keys, repetitions, pauses and results are there after a restart', {
  skip: onRealServer,
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'contrail-jobs-'))
  t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))
  const open = async (handles: boolean) => {
    const app = new App({ dir }, { log: new MemoryLog(), stopTimeout: '5s' })
    const work = app.queue<string, string>('work')
    if (handles) work.handle((what) => `${what} is done`)
    await app.start()
    return { app, work }
  }
  const first = await open(true)
  const job = await first.work.add('one')
  assert.equal(await job.done, 'one is done')
  const { seq } = await first.work.add('two', { unique: 'two', delay: '1h' })
  await first.work.repeat('three', '0 3 * * *', 'three')
  await first.work.pause()
  await first.app.stop()
  const second = await open(true)
  try {
    assert.equal((await second.work.get(job.id))?.result, 'one is done')
    const again = await second.work.add('two', { unique: 'two' })
    assert.equal(again.isNew, false)
    assert.equal(again.seq, seq)
    assert.equal(await second.work.isPaused(), true)
    const { delayed, repeated } = await second.work.counts()
    assert.deepEqual({ delayed, repeated }, { delayed: 1, repeated: 1 })
  } finally {
    await second.app.stop()
  }
})
