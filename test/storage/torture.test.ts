/** A short run of the torture (`npm run torture` has the long one), and proof that it would find what it looks for. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { corruptOnce } from '../torture/corruption.ts'
import { crashOnce } from '../torture/power.ts'

test('a flipped bit or a zeroed sector anywhere costs what it hit, is told, and nothing wrong is served', async () => {
  const failures: string[] = []
  for (let seed = 1; seed <= 300; seed++) {
    const { file, failure } = await corruptOnce(seed)
    if (failure !== null) failures.push(`${file}: ${failure}`)
  }
  assert.deepEqual(failures, [])
})

const ENCRYPTION = { cipher: 'chacha', key: 'secret', cost: 2 } as const

test('an encrypted store loses no more by damage than another', async () => {
  const failures: string[] = []
  for (let seed = 1; seed <= 300; seed++) {
    const { file, failure } = await corruptOnce(seed, ENCRYPTION)
    if (failure !== null) failures.push(`${file}: ${failure}`)
  }
  assert.deepEqual(failures, [])
})

test('an encrypted store loses nothing when the power fails', async () => {
  const failures: string[] = []
  for (let seed = 1; seed <= 3; seed++) {
    for (let crashAt = 1; ; crashAt++) {
      const { crashed, failure } = await crashOnce(seed, crashAt, 20, { encryption: ENCRYPTION })
      if (failure !== null) failures.push(failure)
      if (!crashed) break
    }
  }
  assert.deepEqual(failures, [])
})

test('a build that skips the checksums is caught', async () => {
  const script = join(import.meta.dirname, '..', 'torture', 'main.js')
  const without = join(import.meta.dirname, '..', 'torture', 'without-checksums.js')
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const failed = await promisify(execFile)(
    process.execPath,
    ['--import', pathToFileURL(without).href, script, '--part', 'corruption', '--cases', '300'],
    { env },
  ).catch((error: Error & { stdout: string; code: number }) => error)
  assert.ok(failed instanceof Error && failed.code === 1)
  assert.match(failed.stdout, /is wrong/)
})
