/**
 * Streams that map, count and publish again, made by chance. More of them, one again, or as many as fit into a time:
 *
 *     SCRIPTS=500 SEED=1000 npm run test:peers -- test/peers/differential/cases/random-mapped.test.ts
 *     MINUTES=10 npm run test:peers -- test/peers/differential/cases/random-mapped.test.ts
 */
import { differentialByChance } from '../harness.ts'
import { MappedScript, mappedPrefixOf } from '../random/mapped.ts'

differentialByChance('transforms, republishing and counters', {
  scripts: 60,
  prefix: mappedPrefixOf,
  script: (seed, session) => new MappedScript(seed, session).run(),
})
