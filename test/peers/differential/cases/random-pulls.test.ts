/**
 * Pull requests that wait side by side, made by chance. More of them, one again, or as many as fit into a time:
 *
 *     SCRIPTS=500 SEED=1000 npm run test:peers -- test/peers/differential/cases/random-pulls.test.ts
 *     MINUTES=10 npm run test:peers -- test/peers/differential/cases/random-pulls.test.ts
 */
import { differentialByChance } from '../harness.ts'
import { Pulls, prefixOf } from '../random/pulls.ts'

differentialByChance('pulls', {
  scripts: 60,
  prefix: prefixOf,
  script: (seed, session) => new Pulls(seed, session).run(),
})
