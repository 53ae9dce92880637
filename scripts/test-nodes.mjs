// `npm run test:nodes`: the tests once more on other versions of Node, whose binaries come from npm's package `node`.
// `npm run test:nodes -- 22` takes only that one.
import { sep } from 'node:path'
import { ensureBuilt, ensureCompiled, ensureInstalled, files, run, say } from './house.mjs'

ensureInstalled()
ensureBuilt()
ensureCompiled()
const versions = process.argv.length > 2 ? process.argv.slice(2) : ['22', '24', '26']
const peers = `build${sep}test${sep}peers${sep}`
const tests = files('build/test', '.test.js').filter((path) => !path.startsWith(peers))
const failed = []
for (const version of versions) {
  say(`Node ${version}`)
  const flags = ['--test', '--test-reporter=spec', '--test-concurrency=2']
  if (run('npx', ['-y', `node@${version}`, ...flags, ...tests]) !== 0) failed.push(version)
}
if (failed.length > 0) {
  say(`failed on Node ${failed.join(', ')}`)
  process.exit(1)
}
say(`passed on Node ${versions.join(', ')}`)
