// Tools that operators use beside a server, built by go as the other peers are. Where the module proxy doesn't have one, its
// tag is cloned over https. What can't be had either way is left out: `.peers/tools.json` says why, and its tests say that they did not run.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, say } from './house.mjs'

/** Program → its module and version. */
export const peerTools = {
  'nats-top': { module: 'github.com/nats-io/nats-top', version: 'v0.6.4' },
  'prometheus-nats-exporter': { module: 'github.com/nats-io/prometheus-nats-exporter', version: 'v0.20.1' },
  'nats-surveyor': { module: 'github.com/nats-io/nats-surveyor', version: 'v0.9.9' },
  nsc: { module: 'github.com/nats-io/nsc/v2', version: 'v2.14.0' },
}

const CLONE_MS = 60_000
const BUILD_MS = 600_000
const exe = process.platform === 'win32' ? '.exe' : ''

/** What `ensurePeerTools` wrote: program → its version, or why it is not there. */
export function readPeerTools(folder) {
  const path = join(folder, 'tools.json')
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}
}

/** Builds what is missing into `folder`/bin. Never fails: tools are asked for by their own tests only. */
export function ensurePeerTools(folder) {
  const binaries = join(folder, 'bin')
  const have = readPeerTools(folder)
  let isOnline = true
  for (const [name, { module, version }] of Object.entries(peerTools)) {
    if (have[name]?.version === version && existsSync(join(binaries, name + exe))) continue
    const reason = install(name, module, version, binaries, isOnline)
    if (reason === cloneFailed) isOnline = false
    have[name] = reason === null ? { version } : { missing: reason }
    if (reason !== null) say(`LEFT OUT: ${name} ${version}: ${reason}. Its tests will not run.`)
  }
  writeFileSync(join(folder, 'tools.json'), JSON.stringify(have, null, 2))
}

const cloneFailed = 'the module proxy has no such version, and its repository could not be cloned'

/** Null when it is there now, else why not. */
function install(name, module, version, binaries, isOnline) {
  const env = {
    ...process.env,
    GOBIN: binaries,
    GOTOOLCHAIN: process.env.GOTOOLCHAIN ?? 'auto',
    CGO_ENABLED: '0',
    GIT_TERMINAL_PROMPT: '0',
  }
  say(`go install ${module}@${version}`)
  const status = run('go', ['install', `${module}@${version}`], { env, timeout: BUILD_MS })
  if (status === 0) return null
  if (status === 127) return 'Go is not installed'
  if (!isOnline) return cloneFailed
  const source = mkdtempSync(join(tmpdir(), 'contrail-tool-'))
  try {
    const address = `https://${module.replace(/\/v\d+$/, '')}`
    say(`git clone ${address}, ${version}`)
    const clone = [
      '-c',
      'advice.detachedHead=false',
      'clone',
      '--quiet',
      '--depth',
      '1',
      '--branch',
      version,
      address,
      source,
    ]
    if (run('git', clone, { env, timeout: CLONE_MS }) !== 0) return cloneFailed
    const built = run('go', ['build', '-o', join(binaries, name + exe), '.'], {
      cwd: source,
      env,
      timeout: BUILD_MS,
    })
    return built === 0 ? null : 'go could not build it; its message is in the output of `npm run peers`'
  } finally {
    rmSync(source, { recursive: true, force: true, maxRetries: 3 })
  }
}
