/**
 * Updates of consumers while messages are pending, made by chance. More of them, one again, or as many as fit into a time:
 *
 *     SCRIPTS=500 SEED=1000 npm run test:peers -- test/peers/differential/cases/random-consumer-updates.test.ts
 *     MINUTES=10 npm run test:peers -- test/peers/differential/cases/random-consumer-updates.test.ts
 */
import { differentialByChance } from '../harness.ts'
import { ConsumerUpdates, prefixOf } from '../random/consumer-updates.ts'

differentialByChance('updates of consumers', {
  scripts: 40,
  prefix: prefixOf,
  script: (seed, session) => new ConsumerUpdates(seed, session).run(),
})
