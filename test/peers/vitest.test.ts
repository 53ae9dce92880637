/** The test broker works under vitest as it does under node:test. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { root } from './servers.ts'

const RUN_MS = 60_000

test('contrail/testing works under vitest', async () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      join(root, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      '--root',
      root,
      '--dir',
      join(root, 'test', 'vitest'),
    ],
    { cwd: root, env: { ...env, NO_COLOR: '1' }, timeout: RUN_MS },
  )
  assert.match(stdout, /Tests\s+1 passed/)
})
