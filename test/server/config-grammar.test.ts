import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig, parseConfigFile } from '../../src/server/config/grammar.ts'
import { parseDurationMs } from '../../src/server/config/number.ts'
import { ConfigMap, type ConfigValue, show } from '../../src/server/config/value.ts'

/** Values without their places. */
function plain(value: ConfigValue | ConfigMap): unknown {
  const data = value instanceof ConfigMap ? value : value.data
  if (data instanceof ConfigMap)
    return Object.fromEntries([...data.entries].map(([key, each]) => [key, plain(each.value)]))
  return Array.isArray(data) ? data.map(plain) : data
}

function parse(text: string, environment: Record<string, string> = {}): unknown {
  return plain(parseConfig(text, { file: 'c.conf', folder: '.', environment }))
}

const valid: [string, string, unknown][] = [
  [
    'colons, equal signs and spaces part key and value',
    'a: 1\nb = 2\nc 3\nd {e:4}',
    { a: 1, b: 2, c: 3, d: { e: 4 } },
  ],
  ['semicolons and commas end a value', 'a: 1; b: 2, c: 3', { a: 1, b: 2, c: 3 }],
  ['comments are passed over', '# one\na: 1 # two\n// three\nb: 2 // four\n', { a: 1, b: 2 }],
  [
    'words are booleans',
    'a: true\nb: Yes\nc: ON\nd: false\ne: no\nf: off',
    { a: true, b: true, c: true, d: false, e: false, f: false },
  ],
  [
    'names of every object are words like others',
    'a: constructor\nb: __proto__\nc: 1constructor\ntoString: valueOf\nd { hasOwnProperty: 1 }',
    { a: 'constructor', b: '__proto__', c: '1constructor', toString: 'valueOf', d: { hasOwnProperty: 1 } },
  ],
  ['quoted words are not', 'a: "true"\nb: \'off\'', { a: 'true', b: 'off' }],
  [
    'suffixes multiply by 1000 or 1024',
    'a: 1k\nb: 1KB\nc: 1Ki\nd: 2kib\ne: 1m\nf: 1MB\ng: 3G\nh: 1gb\ni: 1t\nj: -1',
    { a: 1000, b: 1024, c: 1024, d: 2048, e: 1e6, f: 1048576, g: 3e9, h: 1073741824, i: 1e12, j: -1 },
  ],
  ['floats and dates', 'a: 1.5\nb: 2016-05-04T18:53:41Z', { a: 1.5, b: new Date('2016-05-04T18:53:41Z') }],
  [
    'what only begins like a number is a string',
    'a: 127.0.0.1:4222\nb: 2m30s\nc: 1x',
    { a: '127.0.0.1:4222', b: '2m30s', c: '1x' },
  ],
  [
    'numbers are read from left to right',
    'a: -1k\nb: 1k5\nc: 1.5\nd: -0.5\ne: 10kbx\nf: 2024-01-01T00:00:00Z\ng: [1,2]\nh: 1.2.3',
    {
      a: -1000,
      b: '1k5',
      c: 1.5,
      d: -0.5,
      e: '10kbx',
      f: new Date('2024-01-01T00:00:00Z'),
      g: [1, 2],
      h: '1.2.3',
    },
  ],
  ['double quotes know escapes', String.raw`a: "x\ty\"z\\ \x41"`, { a: 'x\ty"z\\ A' }],
  ['single quotes know none', String.raw`a: 'x\ty'`, { a: String.raw`x\ty` }],
  [
    'a block runs to a bracket alone in its line',
    'a: (\n one (1)\n two\n)\nb: 1',
    { a: '\n one (1)\n two\n', b: 1 },
  ],
  [
    'arrays by commas and by lines',
    'a: [1, 2,3]\nb: [\n x\n y # z\n]\nc: [{d: 1}, {d: 2}]\ne: []',
    { a: [1, 2, 3], b: ['x', 'y'], c: [{ d: 1 }, { d: 2 }], e: [] },
  ],
  ['maps by commas and by lines', 'a { b: 1, c: 2\n d: 3; e: 4 }', { a: { b: 1, c: 2, d: 3, e: 4 } }],
  ['keys may be quoted', '"a b": 1\nc { \'d e\': 2 }', { 'a b': 1, c: { 'd e': 2 } }],
  [
    'a variable is looked up outwards',
    'x: 1\na { y: 2, b { c: $x, d: $y } }',
    { x: 1, a: { y: 2, b: { c: 1, d: 2 } } },
  ],
  ['bcrypt strings need no quotes', 'p: $2a$11$abc', { p: '$2a$11$abc' }],
  ['the whole file may stand in braces', '{\n a: 1\n b { c: 2 }\n}\n', { a: 1, b: { c: 2 } }],
  ['a later key wins', 'a: 1\na: 2', { a: 2 }],
  ['line ends of Windows', 'a: 1\r\nb { c: 2\r\n}\r\n', { a: 1, b: { c: 2 } }],
  ['a brace that is glued to its key belongs to it', 'a{b: 1}', { 'a{b': 1 }],
  ['nothing', '', {}],
]

for (const [name, text, expected] of valid) test(name, () => assert.deepEqual(parse(text), expected))

test('the environment holds what the file does not, read as a value', () => {
  assert.deepEqual(parse('a: $P\nb: $Q', { P: '10k', Q: '[1, 2]' }), { a: 10_000, b: [1, 2] })
})

const wrong: [string, string, RegExp][] = [
  ['an unknown variable', 'a: $NOPE', /^variable reference for 'NOPE' on line 1 can not be found$/],
  ['a map that does not end', 'x = {\n', /^Parse error on line 2: 'Unexpected EOF processing map.'$/],
  [
    'an array that does not end',
    'x = [1,\n',
    /^Parse error on line 2: 'Expected an array value terminator "," or an array terminator "]", but got '\0' instead.'$/,
  ],
  [
    'an unknown escape',
    String.raw`port: "\q"`,
    /^Parse error on line 1: 'Invalid escape character 'q'. Only the following/,
  ],
  ['a string that does not end', 'x: "abc', /^Parse error on line 1: 'Unexpected EOF.'$/],
  [
    'a brace that does not end',
    '{ port: -1',
    /^Parse error on line 1: 'Expected a block-level value to end with a new line/,
  ],
  ['a key without a value', 'a:\nb: 1', /^Parse error on line 2: 'Expected value but found new line'$/],
  ['a key without anything behind it', 'a: 1\nb', /^config is invalid \(c.conf:2:2\)$/],
  ['a float without a digit in front', 'a: .5', /Floats must start with a digit/],
  ['no end of nesting', `${'a {'.repeat(500)}`, /Nested too deeply/],
]

for (const [name, text, message] of wrong) {
  test(`${name} is refused`, () => assert.throws(() => parse(text), { name: 'ConfigError', message }))
}

test('the environment can not refer to itself', () => {
  assert.throws(() => parse('a: $A', { A: '$B', B: '$A' }), /variable reference cycle/)
})

test('places count columns from 0 in the first line and from 1 later', () => {
  const map = parseConfig('  a: 1\n  b: 2', { file: 'c.conf', folder: '.', environment: {} })
  assert.deepEqual(
    [...map.entries.values()].map((entry) => show(entry.place)),
    ['c.conf:1:2', 'c.conf:2:3'],
  )
})

test('include brings in another file, relative to the one that names it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-config-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'main.conf'), "include 'other.conf'\nb { include ./third.conf }\n")
  writeFileSync(join(folder, 'other.conf'), 'a: 1')
  writeFileSync(join(folder, 'third.conf'), 'c: 2')
  writeFileSync(join(folder, 'loop.conf'), 'include loop.conf')
  assert.deepEqual(plain(parseConfigFile(join(folder, 'main.conf'))), { a: 1, b: { c: 2 } })
  assert.throws(() => parseConfigFile(join(folder, 'loop.conf')), /files include each other/)
  assert.throws(
    () => parse('include "nope.conf"'),
    /^ConfigError: error parsing include file 'nope.conf', open nope.conf: no such file/,
  )
})

test('durations as Go writes them', () => {
  assert.equal(parseDurationMs('1h30m'), 5_400_000)
  assert.equal(parseDurationMs('250ms'), 250)
  assert.equal(parseDurationMs('1.5s'), 1500)
  assert.equal(parseDurationMs('-2m'), -120_000)
  assert.equal(parseDurationMs('0'), 0)
  assert.throws(() => parseDurationMs('abc'), /^Error: time: invalid duration "abc"$/)
  assert.throws(() => parseDurationMs('5'), /missing unit in duration "5"/)
})

test('names of every object are no variables, and no escapes', () => {
  assert.throws(
    () => parse('a: $constructor'),
    /variable reference for 'constructor' on line 1 can not be found/,
  )
  assert.throws(() => parse('a: $__proto__'), /variable reference for '__proto__' on line 1 can not be found/)
})
