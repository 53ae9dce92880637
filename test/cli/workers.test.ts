/** Ctrl-C reaches a whole group of processes, and each worker twice: it finishes what it has begun all the same. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '..', '..', '..')
const windows = process.platform === 'win32'

const APP = `
import { App } from '${pathToFileURL(join(root, 'build', 'src', 'app', 'index.js')).href}'
const app = new App(process.env.CONTRAIL_URL ?? { memory: true }, { logLevel: 'silent' })
app.subscribe('work', async () => {
  console.log('begun')
  await new Promise((resolve) => setTimeout(resolve, 1500))
  console.log('finished')
})
app.afterStart(({ publish }) => publish('work', {}))
export default app
`

for (const [flags, toGroup] of [
  [['--workers', '1'], true],
  [['--workers', '1'], false],
  [[], true],
  [[], false],
] as const) {
  const what = `${flags.join(' ') || 'one process'}, to ${toGroup ? 'the group' : 'the parent alone'}`
  test(`a handler finishes at SIGINT: ${what}`, { skip: windows }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'contrail-workers-'))
    const file = join(folder, 'app.mjs')
    writeFileSync(file, APP)
    const command = [join(root, 'build', 'src', 'cli', 'main.js'), 'run', file, ...flags]
    const child = spawn(process.execPath, command, {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    t.after(() => {
      if (child.exitCode === null) process.kill(-(child.pid as number), 'SIGKILL')
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    })
    let printed = ''
    child.stdout.on('data', (bytes) => {
      printed += bytes
    })
    child.stderr.on('data', () => {})
    const end = Date.now() + 20_000
    while (!printed.includes('begun') && Date.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 20))
    assert.match(printed, /begun/)
    process.kill(toGroup ? -(child.pid as number) : (child.pid as number), 'SIGINT')
    await once(child, 'exit')
    assert.match(printed, /finished/)
  })
}
