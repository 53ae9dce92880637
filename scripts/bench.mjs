// `npm run bench -- FLAGS`: builds what is needed, then runs build/bench/main.js with the flags.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const root = join(import.meta.dirname, '..')
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'

function run(command, args) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: command === npm && npm !== 'npm',
  })
  if (status !== 0) process.exit(status ?? 1)
}

function present(name, named) {
  if (named) return true
  const file = process.platform === 'win32' ? `${name}.exe` : name
  const folders = [join(root, '.peers', 'bin'), ...(process.env.PATH ?? '').split(delimiter)]
  return folders.some((folder) => existsSync(join(folder, file)))
}

if (!existsSync(join(root, 'node_modules'))) run(npm, ['ci'])
if (!present('nats-server', process.env.NATS_SERVER) || !present('nats', process.env.NATS_CLI)) {
  console.log('nats-server or the nats CLI is missing: npm run peers')
  run(npm, ['run', 'peers'])
}
console.log('building')
run(npm, ['run', '--silent', 'build'])
run(npm, ['run', '--silent', 'compile'])
run(process.execPath, [join('build', 'bench', 'main.js'), ...process.argv.slice(2)])
