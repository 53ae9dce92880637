/**
 * Scripts made by chance about times to live, delete markers and max_age, sixty at once. By default as many as take twenty
 * seconds; for longer, or from another seed:
 *
 *     MINUTES=10 SEED=1000 npm run test:peers -- test/peers/differential/cases/random-ttl.test.ts
 *
 * SCRIPTS=1 plays the one of the seed.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { PeerServer } from '../../servers.ts'
import { type Outcome, playAll } from '../random/ttl-comparison.ts'

const minutes = Number(process.env.MINUTES ?? 0)
const firstSeed = Number(process.env.SEED ?? 1)
/** Played at once. */
const atOnce = Number(process.env.SCRIPTS ?? 60)
/** Of all looks, the share that may be missing since the machine was too slow: with more nothing is proved. */
const MOST_MISSED = 0.25

let real: PeerServer
let ours: PeerServer

before(async () => {
  real = new PeerServer('nats-server')
  ours = new PeerServer('contrail')
  await Promise.all([real.start(), ours.start()])
})

after(async () => {
  await Promise.all([real?.dispose(), ours?.dispose()])
})

test('what time removes is removed as in nats-server', async (t) => {
  const deadline = performance.now() + minutes * 60_000
  const outcomes: Outcome[] = []
  let seed = firstSeed
  do {
    const seeds = Array.from({ length: atOnce }, (_, i) => seed + i)
    const played = await playAll(seeds, [real, ours])
    outcomes.push(...played)
    for (const each of played.filter(({ different }) => different.length > 0))
      t.diagnostic(`seed ${each.seed} differs\n${each.different.join('\n')}`)
    seed += atOnce
  } while (performance.now() < deadline)
  const sum = (count: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + count(outcome), 0)
  const compared = sum((outcome) => outcome.compared)
  const missed = sum((outcome) => outcome.missed)
  const different = outcomes.filter((outcome) => outcome.different.length > 0)
  t.diagnostic(
    `${outcomes.length} scripts, ${compared} looks compared, ` +
      `${sum((outcome) => outcome.unclear)} in the midst of an end, ${missed} missed`,
  )
  assert.deepEqual(
    different.map((outcome) => outcome.seed),
    [],
    'seeds of scripts that differ',
  )
  assert.ok(missed <= (compared + missed) * MOST_MISSED, `the machine was too slow: ${missed} looks missed`)
})
