// What the commands of package.json share: find the project, install and build what is missing, run programs.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const oldest = [20, 15]
const isWindows = process.platform === 'win32'

/** One line about what is being done, on standard error. */
export function say(text) {
  process.stderr.write(`contrail: ${text}\n`)
}

/** Ends the command with a sentence. */
export function fail(text) {
  say(text)
  process.exit(1)
}

/** Is this Node new enough? */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    fail(`this needs Node ${oldest.join('.')} or newer, and you are running ${process.version}`)
  }
}

/** Runs a program in the project's folder with our terminal; returns its exit code. */
export function run(command, args, options = {}) {
  const shell = isWindows && (command === 'npm' || command === 'npx')
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell, ...options })
  if (result.error) {
    say(`${command} could not be run: ${result.error.message}`)
    return 127
  }
  return result.status ?? 1
}

/** Runs a program and ends this command when it fails. */
export function must(command, args, options) {
  const status = run(command, args, options)
  if (status !== 0) process.exit(status)
}

/** Runs a program in the place of this one: signals go to it, and its exit code is ours. */
export function become(command, args) {
  const child = spawn(command, args, { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => fail(`${command} could not be run: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
}

/** `npm ci`, when node_modules is missing or older than package-lock.json. */
export function ensureInstalled() {
  checkNode()
  const installed = modified(join(root, 'node_modules', '.package-lock.json'))
  if (installed >= modified(join(root, 'package-lock.json'))) return
  say(
    installed === 0
      ? 'installing what package-lock.json names (npm ci)'
      : 'package-lock.json is newer: npm ci',
  )
  must('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
}

/** Path of a tool's script in node_modules, to be run with our own Node. */
export function tool(...path) {
  return join(root, 'node_modules', ...path)
}

const typescript = ['typescript', 'bin', 'tsc']

/** Builds dist/ (the package) when a source is newer. */
export function ensureBuilt() {
  if (isFresh('dist', ['src'])) return
  say('building dist/')
  build()
}

/** Builds dist/ always. */
export function build() {
  sweep('dist', { dist: 'src' })
  // Of builds that still made them: the package has no sources for them.
  for (const path of files('dist', '.map')) rmSync(join(root, path))
  must(process.execPath, [tool(...typescript), '-p', 'tsconfig.build.json'])
  bundlePrograms()
  stamp('dist')
}

/** The programs of bin/ in a few files each: Node takes 75 ms longer to load some two hundred modules. */
function bundlePrograms() {
  // Loaded here: it may have been installed a moment ago.
  rmSync(join(root, 'dist', 'bin'), { recursive: true, force: true })
  const { buildSync } = createRequire(import.meta.url)('esbuild')
  const result = buildSync({
    absWorkingDir: root,
    entryPoints: {
      'contrail-server': 'dist/server/main.js',
      contrail: 'dist/cli/main.js',
      'bcrypt-worker': 'dist/auth/bcrypt-worker.js',
    },
    outdir: 'dist/bin',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
  })
  if (result.errors.length > 0) process.exit(1)
}

/** Compiles everything, tests included, to build/ when a source is newer. */
export function ensureCompiled() {
  if (isFresh('build', ['src', 'test', 'bench', 'examples'])) return
  say('compiling build/')
  const folders = {
    'build/src': 'src',
    'build/test': 'test',
    'build/bench': 'bench',
    'build/examples': 'examples',
  }
  sweep('build', folders)
  must(process.execPath, [tool(...typescript), '-p', 'tsconfig.json'])
  stamp('build')
}

/** Every file below a folder, as paths relative to the project, sorted. */
export function files(folder, extension) {
  const found = []
  const walk = (path) => {
    if (!existsSync(join(root, path))) return
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const child = join(path, entry.name)
      if (entry.isDirectory()) walk(child)
      else if (entry.name.endsWith(extension)) found.push(child)
    }
  }
  walk(folder)
  return found.sort()
}

function isFresh(output, folders) {
  const built = modified(join(root, output, '.stamp'))
  if (built === 0) return false
  const sources = folders.flatMap((folder) => [folder, ...files(folder, '.ts')])
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json']
  return [...sources, ...settings].every((path) => modified(join(root, path)) < built)
}

function stamp(output) {
  mkdirSync(join(root, output), { recursive: true })
  writeFileSync(join(root, output, '.stamp'), '')
}

/** Removes what was compiled from sources that are gone, so that a deleted test is not run. */
function sweep(output, folders) {
  for (const [compiled, source] of Object.entries(folders)) {
    for (const path of files(compiled, '.js')) {
      const origin = join(source, relative(compiled, path)).replace(/\.js$/, '.ts')
      if (existsSync(join(root, origin))) continue
      for (const end of ['.js', '.js.map', '.d.ts'])
        rmSync(join(root, path.replace(/\.js$/, end)), { force: true })
      // The incremental state would otherwise believe that everything has been written.
      rmSync(join(root, output, 'tsconfig.tsbuildinfo'), { force: true })
      rmSync(join(root, output, '.tsbuildinfo'), { force: true })
    }
  }
}

function modified(path) {
  try {
    return statSync(path).mtimeMs
  } catch {
    return 0
  }
}
