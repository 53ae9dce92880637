/** Accounts and users with claims made by chance, rightly signed: whatever they say, nothing is thrown that nobody catches. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Callout, OperatorUsers } from '../../src/auth/index.ts'
import { type Credentials, defaultConnectOptions } from '../../src/core/index.ts'
import { OperatorAccounts } from '../../src/server/operator/accounts.ts'
import { Dice, fakeBus } from '../core/fakes.ts'
import { accountJwt, NO_ACCOUNT_LIMITS, newKey, userJwt } from '../jwts.ts'

const ROUNDS = 150
const dice = new Dice(Number(process.env.SEED ?? 1))
const operator = newKey.operator()
const keys = Array.from({ length: 4 }, newKey.account)
const signer = newKey.account()
const user = newKey.user()
const plain = ['a', 'b', 'c', 'a', '*', 'name']
const strange = [
  ...['>', '', ' ', '$1', '$2', '$0', '{{wildcard(1)}}', '{{name()}}', '{{tag(x)}}', '{{partition(3,1)}}'],
  ...[
    '__proto__',
    'constructor',
    '$SYS',
    '$JS',
    'API',
    '_INBOX',
    '_R_',
    'é',
    '\u0000',
    '\r\n',
    'x'.repeat(300),
    '$',
  ],
]

const chance = (one: number): boolean => dice.roll(one) === 0
/** Now and then all of an account is odd, so that the rest of them have a chance to be taken. */
let oddOnes = 0
const token = (): string => (dice.roll(100) < oddOnes ? dice.pick(strange) : dice.pick(plain))
const subject = (): string => Array.from({ length: 1 + dice.roll(4) }, token).join('.')
const list = <Item>(make: () => Item): Item[] => Array.from({ length: dice.roll(4) }, make)
const rules = () => ({ allow: list(subject), deny: list(subject) })
const odd = (): unknown => dice.pick<unknown>([0, -1, 1, 2 ** 53, 1e300, 2 ** 31, ''])
const permissions = () => ({
  pub: rules(),
  sub: rules(),
  ...(chance(3) ? { resp: { max: dice.pick([0, -1, 1, 2 ** 40]), ttl: dice.pick([0, -1, 1e18]) } } : {}),
})

function shares(kind: 'exports' | 'imports'): unknown[] {
  return list(() => ({
    type: dice.pick(['stream', 'service']),
    subject: subject(),
    name: subject(),
    ...(kind === 'imports'
      ? {
          account: dice.pick([...keys.map(({ publicKey }) => publicKey), '', '__proto__', 'A']),
          ...(chance(2) ? { local_subject: subject() } : {}),
          ...(chance(4) ? { to: subject() } : {}),
          ...(chance(5) ? { token: 'x.y.z' } : {}),
          share: chance(2),
        }
      : { token_req: chance(6), account_token_position: dice.pick([0, 0, 0, 1, 2, -1, 99]) }),
  }))
}

function claims(): Record<string, unknown> {
  return {
    imports: shares('imports'),
    exports: shares('exports'),
    mappings: Object.fromEntries(
      list(() => [subject(), list(() => ({ subject: subject(), weight: dice.pick([0, 50, 100, 255]) }))]),
    ),
    default_permissions: permissions(),
    signing_keys: [
      { kind: 'user_scope', key: signer.publicKey, template: { ...permissions(), bearer_token: true } },
    ],
    revocations: chance(5) ? { __proto__: null, '*': odd() } : {},
    limits: { ...NO_ACCOUNT_LIMITS, ...(chance(4) ? { subs: dice.roll(3), conn: dice.roll(3) } : {}) },
    tags: list(subject),
    description: subject(),
  }
}

const userClaims = () => ({
  ...(chance(2) ? permissions() : {}),
  bearer_token: chance(2),
  src: chance(3) ? dice.pick<unknown>(['10.0.0.0/8,', ['::/0', '0.0.0.0/0'], 'x', ['1.2.3.4/99']]) : [],
  times: chance(4)
    ? [{ start: dice.pick(['', '1:2:3', '25:00:00']), end: dice.pick(['23:59:59', 'x']) }]
    : [],
  times_location: chance(4) ? dice.pick(['UTC', 'Nowhere/There', '__proto__']) : '',
  allowed_connection_types: chance(4) ? [subject()] : [],
  tags: list(() => `x:${subject()}`),
})

test(`${ROUNDS} accounts and users of odd claims disturb nobody`, async () => {
  const { bus } = fakeBus()
  const jwts = new Map<string, string>()
  const trust = { keys: [operator.publicKey], strictKeys: [], first: null }
  let accounts = open()
  let logins = 0
  function open(): OperatorAccounts {
    const resolver = { fetch: async (name: string) => jwts.get(name) ?? null, keep: () => {} }
    return new OperatorAccounts({ bus, trust, resolver, onJetStream: async () => {} })
  }
  for (let round = 0; round < ROUNDS; round++) {
    oddOnes = dice.pick([0, 0, 2, 10, 60])
    const account = keys[dice.roll(keys.length)]
    const jwt = accountJwt(operator, account, claims())
    jwts.set(account.publicKey, jwt)
    if (chance(10)) {
      accounts.end()
      accounts = open()
    }
    const taken = accounts.update(account.publicKey, jwt)
    await taken.catch((error: Error) => assert.equal(error.name, 'JwtError', error.stack))
    const isScoped = chance(3)
    const shown = isScoped
      ? userJwt(
          signer,
          user,
          {
            subs: 0,
            data: 0,
            payload: 0,
            issuer_account: account.publicKey,
            tags: list(() => `x:${subject()}`),
          },
          { name: subject() },
        )
      : userJwt(account, user, userClaims(), { name: subject() })
    const users = new OperatorUsers({
      trust,
      accounts,
      now: () => Date.now(),
      pinned: null,
      defaultSentinel: '',
      callout: {} as Callout,
      tell: () => {},
    })
    const credentials: Credentials = {
      options: { ...defaultConnectOptions(), jwt: shown },
      peer: { host: '10.1.2.3', port: 1, kind: 'tcp' },
      nonce: 'n',
    }
    const identity = await users.authenticate(credentials)
    if (identity === null) continue
    logins++
    for (const pattern of ['a', 'a.b', '>', '*.b']) {
      identity.permissions?.maySubscribe(pattern, 'q')
      identity.permissions?.mayPublish(Buffer.from(pattern), 0, pattern.length)
      bus.account(account.publicKey).publishText('a.b', 'x', '_INBOX.a')
    }
  }
  accounts.end()
  assert.ok(logins > ROUNDS / 20, `${logins} logins`)
})
