import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type AccountClaims,
  applyTemplate,
  checkAccountClaims,
  decodeAccountClaims,
  decodeUserClaims,
  Issues,
} from '../../src/auth/index.ts'
import { ContainedPatterns, TooManySteps } from '../../src/auth/jwt/contained.ts'
import { isContainedIn } from '../../src/auth/jwt/subjects.ts'
import { Dice } from '../core/fakes.ts'
import { accountJwt, newKey, userJwt } from '../jwts.ts'

const operator = newKey.operator()
const account = newKey.account()
const exporter = newKey.account().publicKey

function errorsOf(claims: Record<string, unknown>): string[] {
  const issues = new Issues()
  checkAccountClaims(decoded(claims), Date.now(), issues)
  return issues.errors
}

function decoded(claims: Record<string, unknown>): AccountClaims {
  return decodeAccountClaims(accountJwt(operator, account, claims))
}

const stream = (subject: string) => ({ type: 'stream', subject })
const service = (subject: string, local = '') => ({
  type: 'service',
  subject,
  account: exporter,
  ...(local === '' ? {} : { local_subject: local }),
})

test('patterns that contain others are found as if each were compared with each', () => {
  const dice = new Dice(7)
  const token = () => dice.pick(['a', 'b', '*', '>', 'a', ''])
  for (let round = 0; round < 300; round++) {
    const patterns = Array.from({ length: 12 }, () =>
      Array.from({ length: 1 + dice.roll(4) }, token).join('.'),
    )
    const index = new ContainedPatterns()
    for (const [at, pattern] of patterns.entries()) index.add(pattern, at)
    const all = [...patterns.keys()]
    for (const pattern of patterns) {
      const containing = all.filter((at) => isContainedIn(pattern, patterns[at]))
      const within = all.filter((at) => isContainedIn(patterns[at], pattern))
      assert.deepEqual(index.containing(pattern), containing, `${pattern} within ${patterns}`)
      assert.deepEqual(index.within(pattern), within, `within ${pattern}: ${patterns}`)
    }
  }
})

test('what overlaps is told of in the order of what is shared', () => {
  assert.deepEqual(errorsOf({ exports: ['b.c', 'a', '>', 'b.*', 'a', 'b.c'].map(stream) }), [
    'stream export subject ">" already exports "b.c"',
    'stream export subject "b.*" already exports "b.c"',
    'stream export subject "b.c" already exports "b.c"',
    'stream export subject "a" already exports "a"',
  ])
  assert.deepEqual(
    errorsOf({ imports: [service('a.b'), service('x', 'a.*'), service('a.b'), service('c')] }),
    [
      `overlapping subject namespace for "a.*" and "a.b" in same account "${exporter}"`,
      'subject does not contain enough * or reference wildcards $[0-9]',
      `overlapping subject namespace for "a.b" and "a.b" in same account "${exporter}"`,
      `overlapping subject namespace for "a.b" and "a.*" in same account "${exporter}"`,
      `overlapping subject namespace for "a.b" in account "${exporter}"`,
    ],
  )
})

test('thousands of exports and imports take no time, and what is wrong with them no room', () => {
  const many = Array.from({ length: 3500 }, (_, i) => `orders.*.region${i}`)
  const all = decoded({ exports: many.map(stream), imports: many.map((each) => service(each)) })
  const same = decoded({ exports: many.map(() => stream('a')), imports: many.map(() => service('a')) })
  const nested = many.map((_, i) => `${'a.'.repeat(i % 40)}>`)
  const within = decoded({ exports: nested.map(stream), imports: nested.map((each) => service(each)) })
  const startMs = performance.now()
  for (const claims of [all, same, within]) {
    const issues = new Issues()
    checkAccountClaims(claims, Date.now(), issues)
    assert.equal(issues.isBlocking, claims !== all)
    assert.ok(issues.all.length <= 2000)
  }
  // Each compared with each they took many seconds.
  assert.ok(performance.now() - startMs < 2000, `${performance.now() - startMs} ms`)
})

test('what would take too long to compare is refused', () => {
  const patterns = Array.from({ length: 2 ** 12 }, (_, i) =>
    [...i.toString(2).padStart(12, '0')].map((bit) => (bit === '0' ? 'a' : '*')),
  ).map((tokens, i) => `${tokens.join('.')}.x${i}`)
  const index = new ContainedPatterns()
  assert.throws(() => {
    for (const [at, pattern] of patterns.entries()) index.add(pattern, at)
    for (const pattern of patterns) index.containing(pattern)
  }, TooManySteps)
  assert.match(
    errorsOf({ exports: patterns.map(stream) }).join(),
    /exports: too many subjects to be compared/,
  )
})

test('braces of a template are looked at once', () => {
  const rule = `${'{'.repeat(300_000)}}a}}`
  const claims = decodeUserClaims(userJwt(account, newKey.user(), {}, { name: 'n' }))
  const template = {
    ...claims.rights,
    permissions: {
      ...claims.rights.permissions,
      publish: { allow: [rule, 'a.{{name()}}.{b}.{{}}', '{{{name()}}}'], deny: [] },
    },
  }
  const known = { name: account.publicKey, nameTag: '', tags: [] }
  const startMs = performance.now()
  assert.throws(() => applyTemplate(template, claims, known), /is not defined/)
  const { publish } = applyTemplate(
    {
      ...template,
      permissions: { ...template.permissions, publish: { allow: [rule, 'a.{{name()}}'], deny: [] } },
    },
    claims,
    known,
  ).permissions
  assert.deepEqual(publish.allow.slice(-1), ['a.n'])
  assert.ok(performance.now() - startMs < 1000)
})
