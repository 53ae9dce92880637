// `npm run test:peers`: real clients against Contrail, and Contrail against nats-server frame by frame.
// `npm run test:peers -- test/peers/differential/cases/core.test.ts …` runs only these files;
// `--only WORDS` runs only the tests whose names contain them.
import { existsSync } from 'node:fs'
import { join, sep } from 'node:path'
import { become, ensureBuilt, ensureCompiled, ensureInstalled, fail, files, root, say } from './house.mjs'
import { peerTools, readPeerTools } from './peer-tools.mjs'

const isWindows = process.platform === 'win32'
const exe = isWindows ? '.exe' : ''
const peers = [
  join('.peers', 'bin', `nats-server${exe}`),
  join('.peers', 'bin', `nats${exe}`),
  isWindows ? join('.peers', 'venv', 'Scripts', 'python.exe') : join('.peers', 'venv', 'bin', 'python'),
]
const missing = peers.filter((path) => !existsSync(join(root, path)))
if (missing.length > 0) fail(`${missing.join(', ')} missing: run \`npm run peers\` first`)

const tools = readPeerTools(join(root, '.peers'))
for (const name of Object.keys(peerTools)) {
  const why = tools[name]?.missing ?? (tools[name] ? '' : 'run `npm run peers`')
  if (why !== '') say(`WILL NOT RUN: the tests of ${name}: ${why}`)
}

ensureInstalled()
ensureBuilt()
ensureCompiled()

const named = process.argv.slice(2)
const only = named.indexOf('--only')
const words = only < 0 ? [] : named.splice(only).slice(1)
const all = files(`build${sep}test${sep}peers`, '.test.js')
const wanted =
  named.length > 0 ? named.map((path) => path.replace(/\.ts$/, '.js').replace(/^test\b/, 'build/test')) : all
if (wanted.length === 0) fail('there are no tests in build/test/peers')
const pattern = words.length === 0 ? [] : [`--test-name-pattern=${words.join(' ')}`]
say(`${wanted.length} test files on Node ${process.version}`)
// The tests wait more than they compute: three files at a time, on few cores too.
become(process.execPath, ['--test', '--test-reporter=spec', '--test-concurrency=3', ...pattern, ...wanted])
