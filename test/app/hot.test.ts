/** Modules that are loaded again in one process, as a development server does it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { App, ContrailError, hot } from '../../src/app/index.ts'
import { MemoryLog, until } from './support.ts'

const index = pathToFileURL(join(import.meta.dirname, '..', '..', 'src', 'app', 'index.js')).href

test('a module that is loaded again takes the place of the one before; the server, and what it keeps, stays', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-hot-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const program = join(folder, 'shop.mjs')
  writeFileSync(
    program,
    `import { App, hot } from ${JSON.stringify(index)}
const version = new URL(import.meta.url).searchParams.get('v')
export const app = await hot('shop', () => {
  const app = new App({ dir: ${JSON.stringify(join(folder, 'store'))}, port: 0, share: true }, { logLevel: 'silent' })
  app.stream('ORDERS')
  app.subscribe('version', () => version)
  if (version === '3') throw new Error('a mistake')
  return app
})
`,
  )
  writeFileSync(
    join(folder, 'main.mjs'),
    `const load = async (v) => {
  const { app } = await import('./shop.mjs?v=' + v)
  const { seq } = await app.publish('orders.' + v)
  const answers = []
  for await (const one of await app.context.nc.requestMany('version', '', { strategy: 'timer', maxWait: 300 })) answers.push(one.json())
  return { app, line: [app.url, seq, answers.join()].join(' ') }
}
const first = await load(1)
console.log(first.line)
const second = await load(2)
console.log(second.line, first.app.state)
console.log(await import('./shop.mjs?v=3').catch((error) => error.message), second.app.state)
await second.app.stop()
`,
  )
  const child = spawn(process.execPath, [join(folder, 'main.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.on('data', (bytes) => {
    printed += bytes
  })
  let code: number | null | undefined
  child.on('exit', (exitCode) => {
    code = exitCode
  })
  await until(() => code !== undefined, 'the end', 20_000)
  assert.equal(code, 0)
  const [one, two, three] = printed.trim().split('\n')
  const [url, seq, answers] = one.split(' ')
  assert.deepEqual([seq, answers], ['1', '1'])
  assert.deepEqual(two.split(' '), [url, '2', '2', 'stopped'])
  assert.equal(three, 'a mistake running')
})

test('apps of a process that share a server see each other, and the last one stops it', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'contrail-share-'))
  t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))
  const make = (options: object = {}) =>
    new App({ dir, share: true, ...options }, { log: new MemoryLog(), stopTimeout: '5s' })
  const first = make()
  const second = make()
  first.subscribe('who', () => 'first')
  await first.start()
  await second.start()
  assert.equal(await second.request('who'), 'first')
  await assert.rejects(make({ port: 0 }).start(), (thrown: ContrailError) => {
    assert.ok(thrown instanceof ContrailError)
    return thrown.code === 'INVALID_OPTION' && /with other options/.test(thrown.message)
  })
  await first.stop()
  await second.publish('still.there')
  await second.stop()
  // Alone the folder is to be had when the shared server has gone.
  let alone: App | null = null
  await until(async () => {
    alone = new App({ dir }, { log: new MemoryLog() })
    return alone.start().then(
      () => true,
      (thrown: ContrailError) => {
        assert.equal(thrown.code, 'STORE_IN_USE')
        return false
      },
    )
  }, 'the end of the shared server')
  await (alone as App | null)?.stop()
})

test('loads that come at the same time take their turns', async () => {
  const steps: string[] = []
  const make = (name: string) => () => ({
    start: async () => {
      steps.push(`start ${name}`)
    },
    stop: async () => {
      steps.push(`stop ${name}`)
    },
  })
  await Promise.all([hot('turns', make('a')), hot('turns', make('b')), hot('turns', make('c'))])
  assert.deepEqual(steps, ['start a', 'stop a', 'start b', 'stop b', 'start c'])
  const broken = () => ({ start: () => Promise.reject(new Error('no')), stop: async () => {} })
  await assert.rejects(hot('turns', broken), /no/)
  await hot('turns', make('d'))
  assert.deepEqual(steps.slice(5), ['stop c', 'start d'])
})

test('a module that is loaded again may say other options of its server', async () => {
  const load = (port?: number) =>
    hot('other options', () => {
      const app = new App({ memory: true, share: true, port }, { log: new MemoryLog(), stopTimeout: '5s' })
      return app
    })
  const first = await load()
  assert.equal(first.url, null)
  const second = await load(0)
  assert.match(String(second.url), /^nats:/)
  await second.stop()
})

test('while a build loads the modules nothing is started', async (t) => {
  process.env.NEXT_PHASE = 'phase-production-build'
  t.after(() => {
    delete process.env.NEXT_PHASE
  })
  const app = await hot('build', () => new App({ share: true }, { log: new MemoryLog() }))
  assert.equal(app.state, 'new')
})
