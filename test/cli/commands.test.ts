import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '..', '..', '..')
const contrail = join(root, 'bin', 'contrail')
const examples = join(root, 'build', 'examples')

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'contrail-cli-'))
  t.after(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }))
  return path
}

interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs `contrail` in a folder; sends TERM when `until` has been printed. */
function run(cwd: string, words: string[], until?: (printed: string) => boolean): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [contrail, ...words], {
      cwd,
      env: { ...process.env, LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 30_000,
    })
    let stdout = ''
    let stderr = ''
    let isTold = false
    child.stdout.on('data', (bytes) => {
      stdout += bytes
      if (!isTold && until?.(stdout)) {
        isTold = true
        child.kill('SIGTERM')
      }
    })
    child.stderr.on('data', (bytes) => {
      stderr += bytes
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

test('help names every command, and each command has its own with examples', async (t) => {
  const cwd = folder(t)
  const { stdout } = await run(cwd, ['help'])
  for (const name of ['new', 'run', 'docs', 'server', 'version'])
    assert.match(stdout, new RegExp(`^  ${name} `, 'm'))
  for (const name of ['new', 'run', 'docs']) {
    const { stdout: own, code } = await run(cwd, [name, '--help'])
    assert.equal(code, 0)
    assert.match(own, /Examples:/)
  }
})

test('what is wrong on the command line is a sentence, exit code 2', async (t) => {
  const cwd = folder(t)
  for (const words of [['fly'], ['run', '--fast'], ['run'], ['docs'], ['new'], ['new', 'Not A Name']]) {
    const { code, stderr } = await run(cwd, words)
    assert.equal(code, 2, words.join(' '))
    assert.match(stderr, /^contrail/)
    assert.doesNotMatch(stderr, / {4}at /)
  }
  const { code, stderr } = await run(cwd, ['run', 'nowhere.js'])
  assert.equal(code, 1)
  assert.match(stderr, /There is no file/)
})

test('new makes a project, and not where there is one', async (t) => {
  const cwd = folder(t)
  const { code, stdout } = await run(cwd, ['new', 'shop', '--no-install'])
  assert.equal(code, 0)
  assert.match(stdout, /npm install/)
  const made = JSON.parse(readFileSync(join(cwd, 'shop', 'package.json'), 'utf8'))
  assert.equal(made.name, 'shop')
  assert.ok(made.dependencies.contrail)
  for (const file of ['app.ts', 'app.test.ts', 'tsconfig.json', 'README.md', '.gitignore']) {
    assert.ok(existsSync(join(cwd, 'shop', file)), file)
  }
  assert.equal((await run(cwd, ['new', 'shop', '--no-install'])).code, 1)
})

test('docs writes an AsyncAPI document of an app without starting it, and a page', async (t) => {
  const cwd = folder(t)
  const { code, stderr } = await run(cwd, ['docs', join(examples, 'shop.js'), '--title', 'Shop'])
  assert.equal(code, 0, stderr)
  assert.equal(existsSync(join(cwd, '.contrail')), false, 'nothing was started')
  const document = JSON.parse(readFileSync(join(cwd, 'docs', 'asyncapi.json'), 'utf8'))
  assert.equal(document.asyncapi, '3.0.0')
  assert.equal(document.info.title, 'Shop')
  assert.deepEqual(Object.keys(document.channels), ['orders.{id}.created', 'stock.left.{sku}'])
  assert.deepEqual(document.channels['orders.{id}.created'].parameters, { id: {} })
  const operation = document.operations['receive orders.{id}.created']
  assert.equal(operation['x-durable'], 'billing')
  const message = document.components.messages['orders.{id}.created']
  assert.deepEqual(message.payload.required, ['sku', 'quantity'])
  const page = readFileSync(join(cwd, 'docs', 'index.html'), 'utf8')
  assert.match(page, /<h1>Shop/)
  assert.match(page, /orders\.<i>\{id\}<\/i>\.created/)
  assert.match(page, /Dead letters<\/dt><dd><code class="subject">dead\.ORDERS\.<i>&gt;<\/i>/)
  // Every reference leads somewhere.
  for (const [reference] of JSON.stringify(document).matchAll(/#\/[^"]+/g)) {
    let at: unknown = document
    for (const part of reference.slice(2).split('/')) {
      at = (at as Record<string, unknown>)[
        decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
      ]
    }
    assert.notEqual(at, undefined, reference)
  }
})

/** An app that exports itself and says which worker it is. */
const APP = `
import { App } from ${JSON.stringify(pathToFileURL(join(root, 'build', 'src', 'app', 'index.js')).href)}
const app = new App(undefined, { logLevel: 'silent' })
app.subscribe('work', { queue: 'w' }, () => process.env.CONTRAIL_WORKER)
app.afterStart(() => console.log('worker', process.env.CONTRAIL_WORKER ?? 'alone', 'runs'))
app.afterShutdown(() => console.log('stopped'))
export default app
`

/** At its first start. */
const KILLS_ITSELF = `
app.afterStart(() => existsSync('once') || (writeFileSync('once', ''), process.kill(process.pid, 'SIGKILL')))
import { existsSync, writeFileSync } from 'node:fs'
export default`

test('run runs what a file exports, until a signal', async (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'app.mjs'), APP)
  const { code, stdout } = await run(cwd, ['run', 'app.mjs'], (printed) => printed.includes('runs'))
  assert.equal(code, 0)
  assert.equal(stdout, 'worker alone runs\nstopped\n')
})

test('run with workers holds the broker, and stops them all', async (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'app.mjs'), APP)
  const { code, stdout } = await run(
    cwd,
    ['run', 'app.mjs', '--workers', '3'],
    (printed) => printed.match(/runs/g)?.length === 3,
  )
  assert.equal(code, 0)
  const lines = stdout.trim().split('\n').sort()
  assert.deepEqual(lines, [
    'stopped',
    'stopped',
    'stopped',
    'worker 1 runs',
    'worker 2 runs',
    'worker 3 runs',
  ])
  assert.ok(existsSync(join(cwd, '.contrail', 'jetstream')))
})

test('a worker that is killed is started again, and its end is told as the signal’s: 137 for KILL', async (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'app.mjs'), APP.replace('export default', KILLS_ITSELF))
  const { code, stderr } = await run(
    cwd,
    ['run', 'app.mjs', '--workers', '1'],
    (printed) => printed.match(/runs/g)?.length === 2,
  )
  assert.equal(code, 0)
  assert.match(stderr, /worker 1 ended \(exit code 137, by SIGKILL\): again in/)
  writeFileSync(join(cwd, 'app.mjs'), "process.kill(process.pid, 'SIGKILL')")
  assert.equal((await run(cwd, ['run', 'app.mjs'])).code, 137)
})

test('workers that cannot start end the command with their exit code', async (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'app.mjs'), 'process.exit(7)')
  const { code, stderr } = await run(cwd, ['run', 'app.mjs', '--workers', '1'])
  assert.equal(code, 7)
  assert.match(stderr, /worker 1 can't start/)
})

test('who reads the output may have had enough of it', async () => {
  const child = spawn(process.execPath, [contrail, 'help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  const [[code], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)])
  assert.deepEqual([code, stderr], [0, ''])
})

test('a command that is none is told with the one that may be meant, in help too', async (t) => {
  for (const words of [['streems'], ['help', 'streems']]) {
    const { code, stderr } = await run(folder(t), words)
    assert.match(stderr, /unknown command "streems"\. Did you mean "streams"\?/)
    assert.equal(code, 2)
  }
})
