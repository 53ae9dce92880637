// `npm test`: formatter, linter and layers, then compile, then every test but the peers'. Installs what is missing.
// `npm test -- test/server/flags.test.ts …` runs only these files.
import { availableParallelism } from 'node:os'
import { sep } from 'node:path'
import {
  become,
  ensureBuilt,
  ensureCompiled,
  ensureInstalled,
  fail,
  files,
  must,
  say,
  tool,
} from './house.mjs'

ensureInstalled()
const named = process.argv.slice(2)
if (named.length === 0) {
  say('formatter and linter (biome), layers')
  must(process.execPath, [tool('@biomejs', 'biome', 'bin', 'biome'), 'check', '.'])
  must(process.execPath, ['scripts/layers.mjs'])
}
ensureBuilt()
ensureCompiled()
const peers = `build${sep}test${sep}peers${sep}`
const all = files('build/test', '.test.js').filter((path) => !path.startsWith(peers))
const wanted =
  named.length > 0 ? named.map((path) => path.replace(/\.ts$/, '.js').replace(/^test\b/, 'build/test')) : all
if (wanted.length === 0) fail('there are no tests in build/test')
say(`${wanted.length} test files on Node ${process.version}`)
const side = String(Math.max(2, availableParallelism()))
become(process.execPath, ['--test', '--test-reporter=spec', `--test-concurrency=${side}`, ...wanted])
