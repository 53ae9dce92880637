/** A short run of `npm run torture -- --part jetstream`, and proof that it would find what it looks for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crashJetStream } from '../torture/jetstream.ts'

test('what clients were told is true after the power failed, at whichever file operation', async () => {
  const failures: string[] = []
  for (let seed = 1; seed <= 2; seed++) {
    // Every fifth, from another one each time: the long run tries them all.
    for (let crashAt = seed; ; crashAt += 5) {
      const { crashed, failure } = await crashJetStream(seed, crashAt)
      if (failure !== null) failures.push(failure)
      if (!crashed) break
    }
  }
  assert.deepEqual(failures, [])
})

test('a disk that takes nothing for durable is caught', async () => {
  let found = 0
  for (let crashAt = 150; crashAt < 250; crashAt += 10) {
    const { failure } = await crashJetStream(1, crashAt, { ignoresSync: true })
    if (failure !== null) found++
  }
  assert.ok(found > 0)
})
