import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type AccountClaims,
  checkAccountClaims,
  checkUserClaims,
  decodeAccountClaims,
  decodeActivation,
  decodeGeneric,
  decodeOperator,
  decodeUserClaims,
  Issues,
  isWithin,
  JwtError,
  timeLeftMs,
  type UserClaims,
  undecorated,
} from '../../src/auth/index.ts'
import { accountJwt, activationJwt, encode, makeJwt, newKey, operatorJwt, userJwt } from '../jwts.ts'

const operator = newKey.operator()
const account = newKey.account()
const user = newKey.user()
const decoders = [decodeUserClaims, decodeAccountClaims, decodeOperator, decodeActivation, decodeGeneric]
const nowMs = Date.UTC(2026, 0, 1, 12)

/** Whatever it is given, a decoder says no in its own words. */
function refusesAll(token: string): void {
  for (const decode of decoders) assert.throws(() => decode(token), JwtError, token)
}

test('a JWT cut at every length is none', () => {
  const token = userJwt(account, user, { pub: { allow: ['a'] } })
  assert.equal(decodeUserClaims(token).head.subject, user.publicKey)
  for (let length = 0; length < token.length; length++) refusesAll(token.slice(0, length))
})

test('a JWT with any letter changed is none', () => {
  const token = userJwt(account, user)
  for (let at = 0; at < token.length; at++) {
    const letter = token[at] === 'A' ? 'B' : 'A'
    const changed = token.slice(0, at) + letter + token.slice(at + 1)
    // The last letter of a part has bits that count for nothing.
    const isSame = ['.', undefined].includes(token[at + 1]) && sameBytes(changed, token)
    if (!isSame) refusesAll(changed)
  }
})

function sameBytes(a: string, b: string): boolean {
  const bytes = (text: string): string => Buffer.from(text.split('.')[2], 'base64url').toString('hex')
  return a.slice(0, a.lastIndexOf('.')) === b.slice(0, b.lastIndexOf('.')) && bytes(a) === bytes(b)
}

test('who may not sign, and what is of another kind', () => {
  for (const token of [
    makeJwt(operator, user.publicKey, { type: 'user' }),
    makeJwt(user, user.publicKey, { type: 'account' }),
    makeJwt(account, account.publicKey, { type: 'operator' }),
    makeJwt(user, user.publicKey, { type: 'activation' }),
  ])
    for (const decode of decoders.slice(0, 4)) assert.throws(() => decode(token), JwtError)
  assert.throws(() => decodeUserClaims(accountJwt(operator, account)), /^JwtError: not user claim$/)
  assert.throws(() => decodeAccountClaims(userJwt(account, user)), /^JwtError: not account claim$/)
  assert.throws(() => decodeOperator(userJwt(account, user)), /^JwtError: not operator claim$/)
})

test('claims of odd types are refused, never taken for something else', () => {
  const odd = [null, 0, -1, 1e300, 1.5, '', 'x', true, [], [null], [[]], {}, { a: null }, '__proto__']
  const fields: Record<string, (value: unknown) => string> = {
    user: (value) => makeJwt(account, user.publicKey, { type: 'user', ...(value as object) }),
    account: (value) => makeJwt(operator, account.publicKey, { type: 'account', ...(value as object) }),
    operator: (value) => makeJwt(operator, operator.publicKey, { type: 'operator', ...(value as object) }),
  }
  const names = [
    ...'pub sub resp src times times_location subs payload bearer_token allowed_connection_types'.split(' '),
    ...'issuer_account tags imports exports limits signing_keys revocations default_permissions'.split(' '),
    ...'mappings authorization trace cluster_traffic system_account version type'.split(' '),
  ]
  const decoderOf: Record<string, (token: string) => unknown> = {
    user: decodeUserClaims,
    account: decodeAccountClaims,
    operator: decodeOperator,
  }
  let taken = 0
  for (const [kind, make] of Object.entries(fields)) {
    for (const name of names) {
      for (const value of odd) {
        try {
          const claims = decoderOf[kind](make({ [name]: value }))
          taken++
          if (kind === 'user') checkUserClaims(claims as UserClaims, nowMs, new Issues())
          if (kind === 'account') checkAccountClaims(claims as AccountClaims, nowMs, new Issues())
        } catch (error) {
          assert.ok(error instanceof JwtError, `${name} ${JSON.stringify(value)}: ${error}`)
        }
      }
    }
  }
  assert.ok(taken > 100)
})

test('what no JSON or no object is', () => {
  const header = encode({ typ: 'JWT', alg: 'ed25519-nkey' })
  for (const body of [
    '',
    '{',
    '[]',
    'null',
    '1',
    '"x"',
    `{"iss":"${account.publicKey}","nats":[]}`,
    '{"iss":{}}',
  ]) {
    const text = `${header}.${encode(body)}`
    refusesAll(`${text}.${account.sign(text)}`)
  }
  for (const bad of [{ typ: 'JWT' }, { typ: 'X', alg: 'ed25519-nkey' }, { typ: 1, alg: 2 }, null, []]) {
    const text = `${encode(bad)}.${encode({ iss: account.publicKey, nats: { type: 'user', version: 2 } })}`
    refusesAll(`${text}.${account.sign(text)}`)
  }
  refusesAll('.'.repeat(2))
  refusesAll(`${'a'.repeat(2 * 1024 * 1024)}.b.c`)
})

test('times are counted in the zone of the user, over midnight too', () => {
  const range = (start: string, end: string) => [{ start, end }]
  assert.equal(timeLeftMs([], '', nowMs), Number.POSITIVE_INFINITY)
  assert.equal(timeLeftMs(range('11:00:00', '13:00:00'), 'UTC', nowMs), 3_600_000)
  assert.equal(timeLeftMs(range('12:00:00', '13:00:00'), 'UTC', nowMs), 0)
  assert.equal(timeLeftMs(range('13:00:00', '14:00:00'), 'UTC', nowMs), 0)
  assert.equal(timeLeftMs(range('22:00:00', '12:00:01'), 'UTC', nowMs), 1000)
  assert.equal(timeLeftMs(range('11:59:59', '01:00:00'), 'UTC', nowMs), 13 * 3_600_000)
  // 21:00 in Tokyo.
  assert.equal(timeLeftMs(range('20:00:00', '21:00:30'), 'Asia/Tokyo', nowMs), 30_000)
  assert.equal(
    timeLeftMs([...range('1:00:00', '2:00:00'), ...range('9:00:00', '12:30:00')], 'UTC', nowMs),
    1_800_000,
  )
  assert.equal(timeLeftMs(range('x', '13:00:00'), 'UTC', nowMs), 0)
})

test('networks', () => {
  assert.equal(isWithin([], 'anything'), true)
  assert.equal(isWithin(['10.0.0.0/8'], '10.1.2.3'), true)
  assert.equal(isWithin(['10.0.0.0/8'], '::ffff:10.1.2.3'), true)
  assert.equal(isWithin(['10.0.0.0/8'], '11.1.2.3'), false)
  assert.equal(isWithin(['fd00::/8', '192.168.1.1/32'], 'fd12::1'), true)
  assert.equal(isWithin(['fd00::/8'], '10.1.2.3'), false)
  for (const bad of ['10.0.0.0', '10.0.0.0/33', 'x/8', '/8', '10.0.0/8'])
    assert.equal(isWithin([bad], '10.0.0.1'), false)
  assert.equal(isWithin(['0.0.0.0/0'], 'localhost'), false)
})

test('a claim that expired, and one whose time comes', () => {
  const checked = (head: Record<string, unknown>): string[] => {
    const issues = new Issues()
    checkUserClaims(decodeUserClaims(userJwt(account, user, {}, head)), nowMs, issues)
    return issues.all.map(({ text }) => text)
  }
  const now = nowMs / 1000
  assert.deepEqual(checked({ exp: now - 1 }), ['claim is expired'])
  assert.deepEqual(checked({ exp: now }), [])
  assert.deepEqual(checked({ nbf: now + 1 }), ['claim is not yet valid'])
  assert.deepEqual(checked({ nbf: now, exp: now + 1 }), [])
})

test('a file with lines around the JWT', () => {
  const token = operatorJwt(operator)
  const file = `-----BEGIN NATS OPERATOR JWT-----\n${token}\n------END NATS OPERATOR JWT------\n`
  assert.equal(undecorated(file), token)
  assert.equal(undecorated(token), token)
  assert.equal(decodeOperator(undecorated(file.replaceAll('\n', '\r\n'))).head.subject, operator.publicKey)
})

test('activations', () => {
  const token = activationJwt(account, newKey.account().publicKey, { subject: 'a.>', kind: 'stream' })
  assert.equal(decodeActivation(token).subject, 'a.>')
  for (let length = 0; length < token.length; length += 7) refusesAll(token.slice(0, length))
})
