// `npm run bench -- FLAGS`: installs and builds what is missing, the peers too, then runs
// build/bench/main.js with the flags.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { become, ensureBuilt, ensureCompiled, ensureInstalled, must, root, say } from './house.mjs'

/** Where bench/servers/tools.ts looks: a variable that names it, .peers/bin, the PATH. */
function isPresent(name, variable) {
  if (process.env[variable]) return true
  const file = process.platform === 'win32' ? `${name}.exe` : name
  const folders = [join(root, '.peers', 'bin'), ...(process.env.PATH ?? '').split(delimiter)]
  return folders.some((folder) => existsSync(join(folder, file)))
}

ensureInstalled()
ensureBuilt()
ensureCompiled()
if (!isPresent('nats-server', 'NATS_SERVER') || !isPresent('nats', 'NATS_CLI')) {
  say('nats-server or the nats CLI is missing: npm run peers')
  must('npm', ['run', '--silent', 'peers'])
}
become(process.execPath, [join(root, 'build', 'bench', 'main.js'), ...process.argv.slice(2)])
