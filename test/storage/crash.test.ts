/** The power fails at every file operation of a seeded workload: what was acknowledged is there afterwards. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crashOnce } from '../torture/power.ts'

const SEEDS = Number(process.env.CRASH_SEEDS ?? 6)
const ROUNDS = 60

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`nothing acknowledged is lost, whichever file operation the power fails at (seed ${seed})`, async () => {
    let points = 0
    for (let crashAt = 1; ; crashAt++) {
      const { crashed, failure } = await crashOnce(seed, crashAt, ROUNDS)
      assert.equal(failure, null)
      if (!crashed) break
      points++
    }
    assert.ok(points > 100, `${points} crash points`)
  })
}

test('a log that was deleted does not take along one of its name that was made later', async () => {
  // Found by the torture: a crash while the later one's first state is written.
  for (let crashAt = 195; crashAt < 225; crashAt++) {
    assert.equal((await crashOnce(382, crashAt, ROUNDS)).failure, null)
  }
})

test('a build that skips the fdatasync is caught', async () => {
  let caught = 0
  for (let crashAt = 20; crashAt < 120; crashAt++) {
    const { failure } = await crashOnce(1, crashAt, ROUNDS, { ignoresSync: true })
    if (failure !== null) caught++
  }
  assert.ok(caught > 50, `${caught} of 100`)
})
