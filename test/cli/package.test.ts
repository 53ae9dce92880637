import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

const root = join(import.meta.dirname, '..', '..', '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** Files of the package, as npm would pack them. */
async function packed(): Promise<string[]> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    env,
    shell: process.platform === 'win32',
    maxBuffer: 16 * 1024 * 1024,
  })
  const [{ files }] = JSON.parse(stdout) as [{ files: Array<{ path: string }> }]
  return files.map(({ path }) => path)
}

/** The anchor of a heading, as GitHub and npm make it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

test('every link in the packed README and docs leads to a file of the package, and to a heading of it', async () => {
  const files = await packed()
  const dead: string[] = []
  for (const page of files.filter((path) => path.endsWith('.md') && !path.startsWith('bench/'))) {
    for (const [, target, anchor] of read(page).matchAll(/\]\(([^)#\s]*)(?:#([^)]*))?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const path = target === '' ? page : posix.normalize(posix.join(dirname(page), target))
      if (!files.some((file) => file === path || file.startsWith(`${path}/`))) dead.push(`${page}: ${target}`)
      else if (anchor !== undefined && path.endsWith('.md')) {
        const anchors = [...read(path).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading))
        if (!anchors.includes(anchor)) dead.push(`${page}: ${target}#${anchor}`)
      }
    }
  }
  assert.deepEqual(dead, [])
})

test('no source map is packed without its sources, and every entry has types for older settings', async () => {
  const files = await packed()
  assert.deepEqual(
    files.filter((path) => path.endsWith('.map')),
    [],
  )
  const { exports, typesVersions, types } = JSON.parse(read('package.json'))
  for (const [entry, { types: path }] of Object.entries(exports as Record<string, { types: string }>)) {
    assert.ok(files.includes(path.slice(2)), `${path} is packed`)
    const older = entry === '.' ? types : typesVersions['*'][entry.slice(2)]?.[0]
    assert.equal(older, path, `types of ${entry}, for "moduleResolution": "node"`)
  }
})

test('the README’s first example is one that runs in the tests', () => {
  const [, page] = /## An app in a page\n\n```ts\n(.*?)```/s.exec(read('README.md')) ?? []
  assert.equal(read('examples/shop.ts').replace(/^.*\n/, ''), page)
})

test('every command has its place in docs/framework', () => {
  const source = read('src/cli/commands.ts')
  const folder = join(root, 'docs', 'framework')
  const pages = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
  const commands = read('docs/framework/commands.md')
  const names = [...source.matchAll(/^ {2}'?([a-z-]+)'?: \{ ?(?:\n|about)/gm)].map(([, name]) => name)
  assert.ok(names.length >= 15, names.join())
  for (const name of names) assert.match(commands, new RegExp(`\`(?:contrail )?${name}\\b`), name)
  assert.ok(pages.length > 10 && existsSync(folder))
})

test('every option of the commands has its place in docs', () => {
  const pages = ['docs/framework', 'docs'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => read(`${folder}/${name}`)),
  )
  const text = pages.join('\n')
  const files = readdirSync(join(root, 'src', 'cli'), { recursive: true, encoding: 'utf8' })
  const options = new Set<string>()
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const [, help = ''] = /export const help = `(.*?)(?<!\\)`/s.exec(read(`src/cli/${file}`)) ?? []
    for (const [option] of help.matchAll(/--[a-z][a-z-]*/g)) options.add(option)
  }
  assert.ok(options.size > 20, [...options].join())
  const missing = [...options].filter((option) => !new RegExp(`${option}(?![a-z-])`).test(text))
  assert.deepEqual(missing, [])
})
