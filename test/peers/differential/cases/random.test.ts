/**
 * Scripts made by chance, a seed each. More of them, or one again:
 *
 *     SCRIPTS=500 SEED=1000 npm run test:peers -- test/peers/differential/cases/random.test.ts
 */
import { differential } from '../harness.ts'
import { RandomScript } from '../random/script.ts'

const scripts = Number(process.env.SCRIPTS ?? 40)
const seed = Number(process.env.SEED ?? 1)

for (let i = seed; i < seed + scripts; i++) {
  differential(`chance, seed ${i}`, (session) => new RandomScript(i, session).run())
}
