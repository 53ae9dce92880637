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
/** Of all scripts, the share that may differ once and not when they are played again. */
const MOST_ONCE = 0.01

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
  const different: number[] = []
  let once = 0
  let seed = firstSeed
  do {
    const seeds = Array.from({ length: atOnce }, (_, i) => seed + i)
    const played = await playAll(seeds, [real, ours])
    outcomes.push(...played)
    // A server may have been kept waiting just when a message ended: a difference shows again.
    const doubtful = played.filter(({ lines }) => lines.length > 0)
    const again =
      doubtful.length === 0
        ? []
        : await playAll(
            doubtful.map((each) => each.seed),
            [real, ours],
          )
    for (const [index, { seed, lines }] of doubtful.entries()) {
      const isDifferent = again[index].lines.length > 0
      t.diagnostic(`seed ${seed} differs${isDifferent ? '' : ' once'}\n${lines.join('\n')}`)
      if (isDifferent) different.push(seed)
      else once++
    }
    seed += atOnce
  } while (performance.now() < deadline)
  const sum = (count: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + count(outcome), 0)
  const compared = sum((outcome) => outcome.compared)
  const missed = sum((outcome) => outcome.missed)
  t.diagnostic(
    `${outcomes.length} scripts, ${compared} looks compared, ` +
      `${sum((outcome) => outcome.unclear)} in the midst of an end, ${missed} missed, ${once} differed once`,
  )
  assert.deepEqual(different, [], 'seeds of scripts that differ')
  assert.ok(missed <= (compared + missed) * MOST_MISSED, `the machine was too slow: ${missed} looks missed`)
  assert.ok(once <= 1 + outcomes.length * MOST_ONCE, `${once} scripts differed once`)
})
