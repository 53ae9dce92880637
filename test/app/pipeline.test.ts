/** Deploys and crashes in the middle of a queue of slow jobs: each is handled or waits, none is given up. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { restartableServer } from './servers.ts'
import { until } from './support.ts'

const JOBS = 200
const program = join(import.meta.dirname, 'pipeline-app.js')
/** Windows ends a process where it would be told to stop. */
const onPosix = { skip: process.platform === 'win32' }

/** A server with a work queue of so many jobs. */
async function queueOf(t: TestContext, jobs: number) {
  const server = await restartableServer()
  const nc = await connect({ servers: server.url })
  const jsm = await jetstreamManager(nc)
  t.after(async () => {
    await nc.close()
    await server.dispose()
  })
  await jsm.streams.add({ name: 'JOBS', subjects: ['jobs.>'], retention: 'workqueue' })
  for (let i = 0; i < jobs; i++) await jsm.jetstream().publish('jobs.new', `${i}`)
  return { url: server.url, jsm }
}

/** A process of the app, which says what it handled. */
function startWorker(handled: Set<string>, ...args: string[]) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.on('data', (bytes) => {
    for (const line of String(bytes).split('\n')) if (line !== '') handled.add(line)
  })
  return child
}

for (const deadLetter of [true, false]) {
  test(
    `of ${JOBS} slow jobs none is given up by four stops and four kills, dead letters ${deadLetter}`,
    onPosix,
    async (t) => {
      const { url, jsm } = await queueOf(t, JOBS)
      const left = async (name: string) => (await jsm.streams.info(name)).state.messages
      const handled = new Set<string>()
      const start = () => startWorker(handled, url, `${deadLetter}`, '')
      for (const signal of [
        'SIGTERM',
        'SIGKILL',
        'SIGTERM',
        'SIGKILL',
        'SIGTERM',
        'SIGKILL',
        'SIGTERM',
        'SIGKILL',
      ] as const) {
        const before = handled.size
        const child = start()
        await until(() => handled.size > before + 3 || handled.size === JOBS, 'jobs are handled', 20_000)
        child.kill(signal)
        await once(child, 'exit')
        assert.ok((await left('JOBS')) + handled.size >= JOBS, 'each is handled or waits')
      }
      const last = start()
      await until(async () => (await left('JOBS')) === 0, 'the rest is handled', 30_000)
      await pause(50)
      last.kill('SIGTERM')
      await once(last, 'exit')
      assert.equal(handled.size, JOBS)
      if (deadLetter) assert.equal(await left('JOBS_DEAD'), 0)
    },
  )
}

test(
  'a job that takes its process along each time is given up in the end, with a reason that says so',
  onPosix,
  async (t) => {
    const { url, jsm } = await queueOf(t, 5)
    const handled = new Set<string>()
    let deaths = 0
    for (let isOver = false; !isOver; ) {
      const child = startWorker(handled, url, 'true', '2')
      const exited = once(child, 'exit').then(() => true)
      const emptied = until(
        async () => (await jsm.streams.info('JOBS')).state.messages === 0,
        'empty',
        20_000,
      ).then(
        () => false,
        () => true,
      )
      if (await Promise.race([exited, emptied])) deaths++
      else {
        isOver = true
        child.kill('SIGTERM')
        await exited
      }
      assert.ok(deaths < 10, 'it ends')
    }
    assert.deepEqual([...handled].sort(), ['0', '1', '3', '4'])
    const letter = await jsm.streams.getMessage('JOBS_DEAD', { last_by_subj: 'dead.JOBS.jobs.new' })
    assert.equal(letter?.string(), '2')
    assert.match(
      letter?.header.get('Contrail-Dead-Letter-Reason') ?? '',
      /process ended while it was handled, 3 times/,
    )
  },
)
