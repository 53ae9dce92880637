/** A short run of `npm run torture -- --part faults`, and proof that it would find what it looks for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CODES, failOnce } from '../torture/faults.ts'

/** Every so many calls: the long run tries them all. */
const STRIDE = 9

test('whichever call of the file system fails, and however, what clients were told stays true', async () => {
  const failures: string[] = []
  let tried = 0
  for (let at = 1; ; at += STRIDE) {
    const code = CODES[tried % CODES.length]
    const { reached, failure } = await failOnce(4, at, code, tried % 4 === 3 ? 25 : 1)
    if (!reached) break
    tried++
    if (failure !== null) failures.push(failure)
  }
  assert.deepEqual(failures, [])
  assert.ok(tried > CODES.length, `${tried} calls were tried`)
})

test('a file system that says missing where it means not now is caught', async () => {
  let found = 0
  for (let at = 1; at < 400 && found === 0; at += 2) {
    const { reached, failure } = await failOnce(4, at, 'ENOENT', 25)
    if (!reached) break
    if (failure?.startsWith('lost')) found++
  }
  assert.ok(found > 0)
})
