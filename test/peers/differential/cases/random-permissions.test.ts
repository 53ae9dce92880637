/**
 * What users may do, with rules made by chance: wildcards in every overlap, queue groups, answers. `CONFIG_SEED` makes other rules.
 *
 *     MINUTES=10 npm run test:peers -- test/peers/differential/cases/random-permissions.test.ts
 */
import { differentialByChance, serversWith } from '../harness.ts'
import { PermissionScript, permissionsConfig } from '../random/permissions.ts'

serversWith({ flags: [], config: permissionsConfig(Number(process.env.CONFIG_SEED ?? 1)) })

differentialByChance('permissions', {
  scripts: 200,
  prefix: (seed) => `P${seed}`,
  script: (seed, session) => new PermissionScript(seed, session).run(),
})
