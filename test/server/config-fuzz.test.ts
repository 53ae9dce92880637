/** Whatever a configuration file holds: it is read, or refused by a ConfigError with a sentence; soon, and nothing else happens. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ConfigError, readConfigFile } from '../../src/server/config/index.ts'
import type { Launch } from '../../src/server/launch.ts'
import { settle } from '../../src/server/options.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const configs = join(root, 'test', 'peers', 'configs')
const folder = mkdtempSync(join(tmpdir(), 'contrail-config-fuzz-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'fuzz.conf')

/** `TEXTS=100000 SEED=7 npm test -- test/server/config-fuzz.test.ts` for a longer run. */
const texts = Number(process.env.TEXTS ?? 3000)
const seed = Number(process.env.SEED ?? 1)
const MOST_MS = 1000

const samples = [
  ...readdirSync(configs)
    .filter((name) => name.endsWith('.conf'))
    .map((name) => readFileSync(join(configs, name), 'utf8')),
  ...readFileSync(join(configs, 'snippets.txt'), 'utf8')
    .split(/^=== .*$/m)
    .slice(1),
]
const pieces = [
  ...['port', 'jetstream', 'server_tags', 'cluster', 'authorization', 'include', 'max_payload', 'users'],
  ...[
    ': ',
    ' ',
    '\n',
    '{',
    '}',
    '[',
    ']',
    ',',
    ';',
    '"',
    "'",
    '\\',
    '(',
    ')',
    '#',
    '//',
    '=',
    '$',
    '\t',
    '\r\n',
  ],
  ...[
    '4222',
    '1.5',
    '10k',
    '9e999',
    '-',
    '.',
    'true',
    '"a b"',
    '$X',
    '2026-01-02T03:04:05Z',
    '\\x4',
    'é',
    '\0',
    '__proto__',
  ],
]

/** A number below `n`, the same for each run of a seed. */
function dice(state: { value: number }): (n: number) => number {
  return (n) => {
    state.value = (Math.imul(state.value, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state.value / 2 ** 32) * n)
  }
}

function made(roll: (n: number) => number): string {
  let text = roll(3) === 0 ? '' : samples[roll(samples.length)]
  for (let i = roll(5); i > 0; i--) {
    const at = roll(text.length + 1)
    const cut = roll(3) === 0 ? roll(20) : 0
    text = text.slice(0, at) + pieces[roll(pieces.length)] + text.slice(at + cut)
  }
  return text
}

test(`${texts} texts are read or refused (seed ${seed})`, () => {
  const roll = dice({ value: seed })
  let taken = 0
  for (let i = 0; i < texts; i++) {
    const text = made(roll)
    writeFileSync(file, text)
    const begun = performance.now()
    const launch: Launch = { server: {}, log: {} }
    try {
      readConfigFile(file, launch)
      taken++
    } catch (error) {
      assert.ok(error instanceof ConfigError, `${JSON.stringify(text)}: ${(error as Error).stack}`)
      assert.notEqual(error.message.trim(), '', JSON.stringify(text))
    }
    assert.ok(performance.now() - begun < MOST_MS, JSON.stringify(text))
    // What a start says of it is a sentence too.
    try {
      settle(launch.server)
    } catch (error) {
      assert.equal((error as Error).name, 'Error', `${JSON.stringify(text)}: ${(error as Error).stack}`)
    }
  }
  // Both happen, or it would prove nothing.
  assert.ok(taken > texts / 50 && taken < texts, `${taken} were taken`)
})

test('a file of no end of brackets, and a long line, are refused soon', () => {
  for (const text of ['[', '{', 'a {', '('].map((piece) => `x: ${piece.repeat(100_000)}`)) {
    writeFileSync(file, text)
    assert.throws(() => readConfigFile(file, { server: {}, log: {} }), { name: 'ConfigError' })
  }
  writeFileSync(file, `server_name: "${'x'.repeat(1_000_000)}"`)
  readConfigFile(file, { server: {}, log: {} })
})
