/** The test broker works under jest, which loads ES modules by Node's own loader in contexts of its own. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { root } from './servers.ts'

const RUN_MS = 60_000

test('contrail/testing works under jest', async () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const config = {
    rootDir: join(root, 'test', 'jest'),
    testMatch: ['**/*.spec.mjs'],
    transform: {},
    moduleFileExtensions: ['js', 'mjs'],
  }
  const { stderr } = await promisify(execFile)(
    process.execPath,
    [
      '--experimental-vm-modules',
      join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
      '--config',
      JSON.stringify(config),
      '--cache=false',
    ],
    { cwd: root, env: { ...env, NO_COLOR: '1' }, timeout: RUN_MS },
  )
  // It reports there, and ends by itself: nothing is left open.
  assert.match(stderr, /Tests:\s+1 passed, 1 total/)
  assert.doesNotMatch(stderr, /did not exit/)
})
