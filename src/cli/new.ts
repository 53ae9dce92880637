/** `contrail new NAME`: a project that runs. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { CONTRAIL_VERSION } from '../server/process.ts'
import { CommandFailure } from './failure.ts'
import { projectFiles } from './new-project.ts'

export const help = `Usage: contrail new NAME [--no-install]

Makes a folder NAME with a project that runs: an app with a stream, a bucket and a test. Then installs what it needs.

  --no-install   leave that to you

Examples:
  contrail new shop
  cd shop && npm start`

const NAME = /^[a-z0-9][a-z0-9._-]*$/

export function run(words: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { 'no-install': { type: 'boolean' } },
  })
  const [word] = positionals
  if (word === undefined) throw new CommandFailure('Which name? For example: contrail new shop', 2)
  const folder = resolve(word)
  const name = basename(folder)
  if (!NAME.test(name)) {
    throw new CommandFailure(`"${name}" is no name for a package: small letters, digits, dots, dashes.`, 2)
  }
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new CommandFailure(`${folder} is there already, and not empty.`)
  }
  for (const [path, text] of Object.entries(projectFiles(name, contrailSpec()))) {
    const target = join(folder, path)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, text)
    console.log(`  ${join(word, path)}`)
  }
  if (!values['no-install']) install(folder)
  console.log(`\nNow:\n  cd ${word}${values['no-install'] ? '\n  npm install' : ''}\n  npm start\n  npm test`)
}

function install(folder: string): void {
  console.log('installing (npm install)')
  const { status } = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new CommandFailure(`npm install failed; the project is in ${folder}.`)
}

/** What the new project depends on: this version, from where this one came when that was no registry. */
function contrailSpec(): string {
  const packageFolder = fileURLToPath(new URL('../..', import.meta.url))
  const modules = dirname(packageFolder.replace(/[\\/]$/, ''))
  try {
    const lock = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8'))
    const { resolved } = lock.packages['node_modules/contrail'] as { resolved?: string }
    if (resolved?.startsWith('file:')) return `file:${resolve(dirname(modules), resolved.slice(5))}`
  } catch {
    // Not installed by npm: a checkout, linked.
    if (existsSync(join(packageFolder, 'tsconfig.build.json')))
      return `file:${packageFolder.replace(/[\\/]$/, '')}`
  }
  return `^${CONTRAIL_VERSION}`
}
