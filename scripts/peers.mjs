// `npm run peers`: the programs Contrail is checked against, in .peers/ and once: nats-server and the nats CLI (built by
// go), nats-py (in a virtual environment); and, where they can be had, Chromium and the tools of peer-tools.mjs.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fail, root, run, say } from './house.mjs'
import { ensurePeerTools } from './peer-tools.mjs'

const versions = { 'nats-server': 'v2.15.2', nats: 'v0.5.0', 'nats-py': '2.16.0' }
const modules = [
  `github.com/nats-io/nats-server/v2@${versions['nats-server']}`,
  `github.com/nats-io/natscli/nats@${versions.nats}`,
]

const folder = join(root, '.peers')
const binaries = join(folder, 'bin')
const environment = join(folder, 'venv')
const stamp = join(folder, 'installed.json')
const wanted = JSON.stringify(versions)
const isWindows = process.platform === 'win32'

ensureBrowser()
if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) {
  ensurePeerTools(folder)
  say(`peers are in ${folder}`)
  process.exit(0)
}
mkdirSync(binaries, { recursive: true })

for (const module of modules) {
  say(`go install ${module} (a minute or two the first time)`)
  const env = {
    ...process.env,
    GOBIN: binaries,
    GOTOOLCHAIN: process.env.GOTOOLCHAIN ?? 'auto',
    CGO_ENABLED: '0',
  }
  const status = run('go', ['install', module], { env })
  if (status === 127) fail('the peers need Go: https://go.dev/dl')
  if (status !== 0) fail(`go could not build ${module}; its message is above`)
}

const python = isWindows ? 'python' : 'python3'
say(`nats-py ${versions['nats-py']} in ${environment}`)
const made = run(python, ['-m', 'venv', environment])
if (made === 127) fail('the peers need Python 3: https://www.python.org/downloads')
if (made !== 0)
  fail(`no virtual environment could be made in ${environment} (Debian, Ubuntu: apt install python3-venv)`)
const venvPython = isWindows ? join(environment, 'Scripts', 'python.exe') : join(environment, 'bin', 'python')
const pip = [
  '-m',
  'pip',
  'install',
  '--quiet',
  '--disable-pip-version-check',
  `nats-py==${versions['nats-py']}`,
]
if (run(venvPython, pip) !== 0) fail('pip could not install nats-py; its message is above')

writeFileSync(stamp, wanted)
ensurePeerTools(folder)
say(`peers are in ${folder}`)

/** Chromium for the tests in a browser; the only peer that they go without where it can't be had. */
function ensureBrowser() {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  const folders = (process.env.PATH ?? '').split(delimiter)
  const isThere = folders.some((path) =>
    names.some((name) => existsSync(join(path, isWindows ? `${name}.exe` : name))),
  )
  if (process.env.CHROME_PATH || isThere || process.platform !== 'linux') return
  say('Chromium, by apt-get (a minute the first time)')
  const quietly = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 300_000 }
  const install = () =>
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], quietly)
  if (install() === 0) return
  if (run('apt-get', ['update', '-qq'], quietly) === 0 && install() === 0) return
  say('Chromium could not be installed: the tests in a browser are left out (or set CHROME_PATH)')
}
