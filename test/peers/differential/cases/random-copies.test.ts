/**
 * Mirrors and sources of any kind, made by chance. More of them, one again, or as many as fit into a time:
 *
 *     SCRIPTS=500 SEED=1000 npm run test:peers -- test/peers/differential/cases/random-copies.test.ts
 *     MINUTES=10 npm run test:peers -- test/peers/differential/cases/random-copies.test.ts
 */
import { differentialByChance } from '../harness.ts'
import { CopyScript, prefixOf } from '../random/copies.ts'

differentialByChance('copies', {
  scripts: 40,
  prefix: prefixOf,
  script: (seed, session) => new CopyScript(seed, session).run(),
})
