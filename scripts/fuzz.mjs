// `npm run fuzz -- ROUNDS SEED`: the fuzz tests for longer (300,000 rounds) and with a new seed, which is named so that a
// failure can be seen again.
import { sep } from 'node:path'
import { become, ensureBuilt, ensureCompiled, ensureInstalled, files, say } from './house.mjs'

ensureInstalled()
ensureBuilt()
ensureCompiled()
const [rounds = '300000', seed = String(Date.now() % 1_000_000_000)] = process.argv.slice(2)
process.env.FUZZ_ROUNDS = rounds
process.env.FUZZ_SEED = seed
const tests = files('build/test', '.test.js').filter((path) => path.split(sep).pop()?.includes('fuzz'))
say(`${rounds} rounds, seed ${seed}`)
become(process.execPath, ['--test', '--test-reporter=spec', ...tests])
