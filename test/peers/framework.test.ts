/** The framework's tests (test/app), which `npm test` runs on the embedded broker, on a real nats-server. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PeerServer, root } from './servers.ts'

const folder = join(root, 'build', 'test', 'app')
const FILE_MS = 120_000

/** Runs one test file in a process of its own; resolves to its exit code and what it printed. */
export function runTestFile(
  file: string,
  environment: Record<string, string>,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
    const child = spawn(process.execPath, ['--test', '--test-reporter=spec', join(folder, file)], {
      env: { ...inherited, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: FILE_MS,
    })
    let output = ''
    child.stdout.on('data', (bytes) => {
      output += bytes
    })
    child.stderr.on('data', (bytes) => {
      output += bytes
    })
    child.on('error', reject)
    child.on('exit', (code) => resolve({ code, output }))
  })
}

const files = readdirSync(folder).filter((file) => file.endsWith('.test.js'))

for (const file of files) {
  test(`${file.replace('.js', '.ts')} passes on nats-server`, async () => {
    const server = await new PeerServer('nats-server').start()
    try {
      const { code, output } = await runTestFile(file, { CONTRAIL_TEST_SERVERS: server.url })
      assert.equal(code, 0, output)
      assert.match(output, /pass [1-9]/, 'its tests ran')
    } finally {
      await server.dispose()
    }
  })
}
