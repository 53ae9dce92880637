import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClaimAccount, decodeAccountClaims } from '../../src/auth/index.ts'
import { activationEndMs, sharesOf } from '../../src/server/operator/claim-shares.ts'
import { accountJwt, activationJwt, newKey, type TestKey } from '../jwts.ts'

const operator = newKey.operator()
const [exporter, importer, other, signer] = Array.from({ length: 4 }, newKey.account)
const nowS = 1_800_000_000

function account(key: TestKey, claims: Record<string, unknown>): ClaimAccount {
  return new ClaimAccount(
    key.publicKey,
    operator.publicKey,
    decodeAccountClaims(accountJwt(operator, key, claims)),
    false,
  )
}

/** May the importer have `subject` by this token? */
function admits(token: string, { kind = 'stream', subject = 'a.b', revocations = {} } = {}): boolean {
  const from = account(exporter, {
    signing_keys: [signer.publicKey],
    exports: [{ subject: 'a.*', type: kind, token_req: true, revocations }],
  })
  const to = account(importer, { imports: [{ subject, type: kind, account: exporter.publicKey, token }] })
  const [shared] = sharesOf(from, () => nowS * 1000).exports
  const [wanted] = sharesOf(to, () => nowS * 1000).imports
  return shared.admits?.(importer.publicKey, wanted) ?? true
}

const token = (
  by: TestKey,
  to: TestKey,
  claims: Record<string, unknown> = {},
  head: Record<string, unknown> = {},
): string =>
  activationJwt(by, to.publicKey, { subject: 'a.*', kind: 'stream', ...claims }, { iat: nowS - 100, ...head })

test('a token is good for one importer, subject and kind', () => {
  const good = token(exporter, importer)
  assert.equal(admits(good), true)
  assert.equal(admits(good, { subject: 'a.*' }), true)
  assert.equal(admits(''), false)
  assert.equal(admits(token(exporter, other)), false)
  assert.equal(admits(good, { subject: 'b.c' }), false)
  assert.equal(admits(good, { subject: '*.b' }), false)
  assert.equal(admits(good, { subject: '>' }), false)
  assert.equal(admits(good, { kind: 'service' }), false)
  assert.equal(admits(token(exporter, importer, { subject: 'a.c' })), false)
  assert.equal(admits(token(exporter, importer, { kind: 'service' }), { kind: 'service' }), true)
})

test('a token is signed by the exporter, or by a signing key of it', () => {
  const { publicKey: issuer_account } = exporter
  assert.equal(admits(token(signer, importer, { issuer_account })), true)
  assert.equal(admits(token(signer, importer)), false)
  assert.equal(admits(token(other, importer)), false)
  assert.equal(admits(token(other, importer, { issuer_account })), false)
  assert.equal(admits(token(importer, importer, { issuer_account })), false)
  assert.equal(admits(token(exporter, importer, { issuer_account: other.publicKey })), false)
  assert.equal(admits(token(operator, importer)), false)
  const good = token(exporter, importer)
  for (let length = 0; length < good.length; length += 5) assert.equal(admits(good.slice(0, length)), false)
})

test('a token has its time, and may be revoked', () => {
  assert.equal(admits(token(exporter, importer, {}, { exp: nowS })), false)
  assert.equal(admits(token(exporter, importer, {}, { exp: nowS + 1 })), true)
  assert.equal(admits(token(exporter, importer, {}, { nbf: nowS + 1 })), false)
  const good = token(exporter, importer)
  assert.equal(admits(good, { revocations: { [importer.publicKey]: nowS - 100 } }), false)
  assert.equal(admits(good, { revocations: { [importer.publicKey]: nowS - 101 } }), true)
  assert.equal(admits(good, { revocations: { '*': nowS } }), false)
  assert.equal(admits(good, { revocations: { [other.publicKey]: nowS } }), true)
})

test('when the first activation ends', () => {
  const imports = [0, nowS - 1, nowS + 50, nowS + 20].map((exp, i) => ({
    subject: `a.${i}`,
    type: 'stream',
    account: exporter.publicKey,
    token: token(exporter, importer, {}, { exp }),
  }))
  const { claims } = account(importer, { imports })
  assert.ok(claims)
  assert.equal(activationEndMs(claims, nowS * 1000), (nowS + 20) * 1000)
  assert.equal(activationEndMs({ ...claims, imports: [] }, 0), Number.POSITIVE_INFINITY)
})
