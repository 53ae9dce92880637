/** What a new user does, in an empty folder, from a packed tarball: new, test, docs, run. Needs the npm registry. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { root } from './servers.ts'

const execute = promisify(execFile)
const COMMAND_MS = 180_000
const RUN_MS = 30_000
const isWindows = process.platform === 'win32'

async function run(cwd: string, command: string, ...words: string[]): Promise<string> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout, stderr } = await execute(command, words, {
    cwd,
    env,
    timeout: COMMAND_MS,
    shell: isWindows,
  })
  return stdout + stderr
}

test('a project made by `contrail new` from a packed tarball runs, passes its test, and is documented', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-new-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const packed = await run(root, 'npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder)
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  await run(folder, 'npm', 'install', '--no-audit', '--no-fund', `./${packed.trim().split('\n').at(-1)}`)
  assert.match(await run(folder, 'npx', 'contrail', 'new', 'shop'), /npm start/)
  const shop = join(folder, 'shop')
  await run(shop, 'npm', 'test')
  await run(shop, 'npm', 'run', 'check')
  await run(shop, 'npm', 'run', 'docs')
  assert.ok(existsSync(join(shop, 'docs', 'index.html')))
  const child = spawn(process.execPath, ['node_modules/contrail/bin/contrail', 'run', 'app.ts'], {
    cwd: shop,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: RUN_MS,
  })
  let printed = ''
  child.stdout.on('data', (bytes) => {
    const wasBilled = printed.includes('billed')
    printed += bytes
    // A second signal would end it at once.
    if (!wasBilled && printed.includes('billed')) child.kill('SIGTERM')
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 0, printed)
  assert.match(printed, /billed/)
})
