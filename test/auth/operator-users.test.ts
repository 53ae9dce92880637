/** Clients by JWTs while the JWT of their account changes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Callout,
  ClaimAccount,
  decodeAccountClaims,
  decodeUserClaims,
  OperatorIdentity,
  OperatorUsers,
} from '../../src/auth/index.ts'
import { type Credentials, defaultConnectOptions } from '../../src/core/index.ts'
import { OperatorAccounts } from '../../src/server/operator/accounts.ts'
import { fakeBus } from '../core/fakes.ts'
import { accountJwt, newKey, userJwt } from '../jwts.ts'

const operator = newKey.operator()
const account = newKey.account()
const user = newKey.user()
const signer = newKey.account()
const trust = { keys: [operator.publicKey], strictKeys: [], first: null }

function accountOf(claims: Record<string, unknown>, isStrict = false): ClaimAccount {
  const decoded = decodeAccountClaims(accountJwt(operator, account, claims))
  return new ClaimAccount(account.publicKey, operator.publicKey, decoded, isStrict)
}

const scoped = (subject: string) => ({
  signing_keys: [{ kind: 'user_scope', key: signer.publicKey, template: { pub: { allow: [subject] } } }],
})

test('a client is compared with what it was let in by, however often its account has changed since', () => {
  const claims = decodeUserClaims(
    userJwt(signer, user, { subs: 0, data: 0, payload: 0, issuer_account: account.publicKey }),
  )
  const first = accountOf(scoped('a'))
  const identity = new OperatorIdentity(first, claims, claims.rights, Date.now(), '')
  assert.equal(identity.revised(accountOf(scoped('a')), Date.now()), identity)
  // The scope has become another one in an update before, and is the same in this one.
  assert.equal(identity.revised(accountOf(scoped('b')), Date.now()), 'closed')
  assert.equal(identity.revised(accountOf({}), Date.now()), 'closed')
})

test('who was signed for by the account itself goes when signing keys alone may sign', () => {
  const claims = decodeUserClaims(userJwt(account, user))
  const identity = new OperatorIdentity(accountOf({}), claims, claims.rights, Date.now(), '')
  assert.equal(identity.revised(accountOf({ tags: ['x'] }), Date.now()), identity)
  assert.equal(identity.revised(accountOf({}, true), Date.now()), 'closed')
})

test('who is revoked while a service is asked about it is not let in', async () => {
  const service = newKey.user().publicKey
  const authorization = { auth_users: [service] }
  const jwt = userJwt(account, user, { bearer_token: true })
  let current = accountOf({ authorization })
  const answers = [
    () => current,
    () => accountOf({ authorization, revocations: { '*': 2 ** 33 } }),
    () => Object.assign(accountOf({ authorization }), { isExpired: true }),
  ]
  const lets: boolean[] = []
  for (const meanwhile of answers) {
    current = accountOf({ authorization })
    const callout = {
      ask: async () => {
        current = meanwhile()
        return decodeUserClaims(userJwt(account, newKey.user()))
      },
    } as unknown as Callout
    const users = new OperatorUsers({
      trust,
      accounts: { find: async () => current },
      now: () => Date.now(),
      pinned: null,
      defaultSentinel: '',
      callout,
      tell: () => {},
    })
    const credentials: Credentials = {
      options: { ...defaultConnectOptions(), jwt },
      peer: { host: '127.0.0.1', port: 1, kind: 'tcp' },
      nonce: 'n',
    }
    lets.push((await users.authenticate(credentials)) !== null)
  }
  assert.deepEqual(lets, [true, false, false])
})

test('an account is not kept waiting by those that it imports from', async () => {
  const { bus, clock } = fakeBus()
  const exporters = Array.from({ length: 100 }, newKey.account)
  const imports = exporters.map(({ publicKey }) => ({ type: 'stream', subject: 'a', account: publicKey }))
  const asked: string[] = []
  const late = new Map<string, (jwt: string) => void>()
  const accounts = new OperatorAccounts({
    bus,
    trust,
    resolver: {
      fetch: (name) => {
        asked.push(name)
        if (name === account.publicKey) return Promise.resolve(accountJwt(operator, account, { imports }))
        return new Promise((resolve) => late.set(name, resolve))
      },
      keep: () => {},
    },
    onJetStream: async () => {},
  })
  const found = accounts.find(account.publicKey)
  await new Promise((resolve) => setImmediate(resolve))
  // A few at a time.
  assert.equal(asked.length, 1 + 16)
  clock.advance(1900)
  assert.equal((await found)?.name, account.publicKey)
  assert.equal(accounts.importsOf(account.publicKey).length, 0)
  // What comes later is imported then.
  const [first] = exporters
  late.get(first.publicKey)?.(accountJwt(operator, first, { exports: [{ type: 'stream', subject: 'a' }] }))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(accounts.importsOf(account.publicKey).length, 1)
  accounts.end()
})

test('claims that nobody trusted has signed are not looked at', () => {
  const { bus } = fakeBus()
  const accounts = new OperatorAccounts({
    bus,
    trust,
    resolver: { fetch: async () => null, keep: () => {} },
    onJetStream: async () => {},
  })
  const exports = Array.from({ length: 5000 }, () => ({ type: 'stream', subject: 'a.b' }))
  const jwt = accountJwt(newKey.operator(), account, { exports })
  const startMs = performance.now()
  for (let i = 0; i < 5; i++) assert.throws(() => accounts.verify(jwt), /account validation failed/)
  assert.ok(performance.now() - startMs < 1000)
  accounts.end()
})
