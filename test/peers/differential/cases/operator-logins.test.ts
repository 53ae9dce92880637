/** Users by their JWTs: what is signed by whom, rights, limits, times, and what is wrong with them. */
import {
  accountJwt,
  encode,
  makeJwt,
  NO_ACCOUNT_LIMITS,
  newKey,
  operatorJwt,
  type TestKey,
  userJwt,
} from '../../../jwts.ts'
import { ask } from '../claims.ts'
import { login } from '../credentials.ts'
import { differential, serversWith } from '../harness.ts'
import type { Session } from '../session.ts'

const operator = newKey.operator()
const operatorSigner = newKey.operator()
const stranger = newKey.operator()
const [system, plain, other, limited, strict, unknown, expired] = Array.from({ length: 7 }, newKey.account)
const [signer, scoped, lost] = Array.from({ length: 3 }, newKey.account)
const [ann, bob, revoked] = Array.from({ length: 3 }, newKey.user)
const now = Math.floor(Date.now() / 1000)

const accounts = {
  [system.publicKey]: accountJwt(operator, system, {}, { name: 'SYS' }),
  [plain.publicKey]: accountJwt(
    operatorSigner,
    plain,
    {
      signing_keys: [
        signer.publicKey,
        {
          kind: 'user_scope',
          key: scoped.publicKey,
          role: 'r',
          template: {
            pub: {
              allow: ['t.{{name()}}', 't.{{tag(team)}}.>', 't.{{account-name()}}.*'],
              deny: ['t.no.{{subject()}}'],
            },
            sub: { allow: ['t.>', '_INBOX.>'] },
          },
        },
      ],
      revocations: { [revoked.publicKey]: now },
      default_permissions: { pub: { deny: ['secret.>'] }, sub: { deny: ['secret.>'] } },
      tags: ['region:eu'],
    },
    { name: 'PLAIN' },
  ),
  [other.publicKey]: accountJwt(operator, other, { revocations: { '*': now - 100 } }),
  [limited.publicKey]: accountJwt(operator, limited, {
    limits: {
      conn: 1,
      subs: 2,
      payload: 8,
      data: -1,
      imports: -1,
      exports: -1,
      wildcards: true,
      leaf: -1,
      disallow_bearer: true,
    },
  }),
  [strict.publicKey]: accountJwt(stranger, strict),
  [expired.publicKey]: accountJwt(operator, expired, {}, { exp: now - 10 }),
}

serversWith({
  config: `
operator: "${operatorJwt(operator, { signing_keys: [operatorSigner.publicKey], system_account: system.publicKey })}"
resolver: MEMORY
resolver_preload: {
  ${Object.entries(accounts)
    .map(([key, jwt]) => `${key}: "${jwt}"`)
    .join('\n  ')}
}
`,
})

/** Somebody who logs in with a JWT, signed for by a key, and says something more. */
type Entering = [name: string, jwt: string, key: TestKey | null, more?: string]

/** They come side by side, and what came of each is noted in their order. */
async function enter(s: Session, ...all: readonly Entering[]): Promise<void> {
  const frames = await Promise.all(
    all.map(async ([name, jwt, key, more = '']) => {
      const line = await s.open(name, ({ nonce }) =>
        login({ jwt, ...(key === null ? {} : { sig: key.sign(`${nonce}`) }), protocol: 1 }),
      )
      if (more !== '') await line.send(more)
      const found = await line.take()
      line.close()
      return found.map(({ op, line: text, subject, payload }) => ({
        op,
        subject,
        payload,
        line: op === 'INFO' ? JSON.parse(text).remote_account : text,
      }))
    }),
  )
  for (const [i, [name]] of all.entries()) s.note(name, frames[i])
}

differential('INFO asks for something signed', async (s) => {
  await s.info()
})

differential('users that accounts and their signing keys have signed', async (s) => {
  const { publicKey: issuer_account } = plain
  const hello = (a: string) => `SUB ${a} 1\r\nPUB ${a} 2\r\nhi\r\nPUB secret.x 1\r\nx\r\nSUB secret.> 2\r\n`
  await enter(
    s,
    ['by the account', userJwt(plain, ann), ann, hello('a')],
    ['by a signing key', userJwt(signer, ann, { issuer_account }), ann, hello('b')],
    ['another nonce', userJwt(plain, ann), bob],
    ['no signature', userJwt(plain, ann), null],
    ['bearer', userJwt(plain, ann, { bearer_token: true }), null, hello('c')],
    ['bearer where none are allowed', userJwt(limited, ann, { bearer_token: true }), null],
    ['a signing key that says nothing of its account', userJwt(signer, ann), ann],
    ['an unknown signing key', userJwt(lost, ann, { issuer_account }), ann],
    ['an unknown account', userJwt(unknown, ann), ann],
    ['an account of another operator', userJwt(strict, ann), ann],
    ['an expired account', userJwt(expired, ann), ann],
    ['a user of the system account', userJwt(system, ann), ann],
    ['signed by an operator', userJwt(operator, ann), ann],
    ['an account as a user', accounts[plain.publicKey], ann],
  )
  await s.raw(`${login({ user: 'ann', pass: 'plain' })}PING\r\n`)
  await s.raw('PING\r\n')
})

differential('JWTs that are revoked, out of time, or from elsewhere', async (s) => {
  const day = [{ start: '00:00:00', end: '23:59:59' }]
  const none = [{ start: '05:00:00', end: '05:00:00' }]
  const types = [['STANDARD'], ['standard', 'X'], ['WEBSOCKET'], ['X'], []]
  await enter(
    s,
    ['revoked', userJwt(plain, revoked, {}, { iat: now }), revoked],
    ['issued after it was revoked', userJwt(plain, revoked, {}, { iat: now + 5 }), revoked],
    ['all revoked', userJwt(other, ann, {}, { iat: now - 100 }), ann],
    ['issued after all were revoked', userJwt(other, ann), ann],
    ['expired', userJwt(plain, ann, {}, { exp: now - 10 }), ann],
    ['not yet', userJwt(plain, ann, {}, { nbf: now + 100 }), ann],
    ['a network', userJwt(plain, ann, { src: ['127.0.0.0/8'] }), ann],
    ['networks in a text', userJwt(plain, ann, { src: '10.0.0.0/8,127.0.0.1/32' }), ann],
    ['another network', userJwt(plain, ann, { src: ['10.0.0.0/8', 'fd00::/8'] }), ann],
    ['no network', userJwt(plain, ann, { src: ['127.0.0.1'] }), ann],
    ['all day', userJwt(plain, ann, { times: day, times_location: 'Asia/Tokyo' }), ann],
    ['never', userJwt(plain, ann, { times: none }), ann],
    ['no time', userJwt(plain, ann, { times: [{ start: '5', end: '6' }] }), ann],
    ['nowhere', userJwt(plain, ann, { times: day, times_location: 'Nowhere/City' }), ann],
  )
  await enter(
    s,
    ...types.map(
      (each): Entering => [`types ${each}`, userJwt(plain, ann, { allowed_connection_types: each }), ann],
    ),
  )
})

differential('rights of a user, and of the template of a scoped key', async (s) => {
  const say = [
    ...'ann,blue.x,PLAIN.y,x'.split(',').map((subject) => `PUB t.${subject} 1\r\nx\r\n`),
    'SUB o 1\r\nSUB t.* 2\r\n',
  ]
  const { publicKey: issuer_account } = plain
  const bare = { type: 'user', issuer_account, tags: ['team:blue', 'team:red', 'x'] }
  await enter(
    s,
    ['scoped', makeJwt(scoped, ann.publicKey, bare, { name: 'ann' }), ann, say.join('')],
    [
      'scoped without tags',
      makeJwt(scoped, ann.publicKey, { type: 'user', issuer_account }, { name: 'x' }),
      ann,
      say.join(''),
    ],
    ['scoped with rights of its own', userJwt(scoped, ann, { issuer_account }), ann],
    ['scoped, with a list that is empty', makeJwt(scoped, ann.publicKey, { ...bare, src: [] }), ann],
  )
  const own = {
    pub: { allow: ['p.>'], deny: ['p.no'] },
    sub: { allow: ['s.> q', 's.x', '_R_.>'] },
    resp: { max: 2, ttl: 0 },
  }
  const use =
    'SUB s.x 1\r\nSUB s.y 2\r\nSUB s.y q 3\r\nPUB p.a 1\r\nx\r\nPUB p.no 1\r\nx\r\nPUB s.x 1\r\nx\r\n'
  await enter(
    s,
    ['own', userJwt(plain, ann, own), ann, use],
    ['a bad rule', userJwt(plain, ann, { pub: { allow: ['a..b'] } }), ann],
    ['a queue where there is none', userJwt(plain, ann, { pub: { allow: ['a q'] } }), ann],
  )
})

differential('limits of users and accounts', async (s) => {
  const use = 'SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nPUB x 4\r\n1234\r\nPUB x 9\r\n123456789\r\n'
  await enter(
    s,
    ['of the account', userJwt(limited, ann), ann, use],
    ['of the user', userJwt(plain, ann, { subs: 1, payload: 4 }), ann, use],
  )
  const none = await s.open('none', ({ nonce }) =>
    login({ jwt: makeJwt(plain, ann.publicKey, { type: 'user' }), sig: ann.sign(`${nonce}`), protocol: 1 }),
  )
  await none.settle()
  const lines = []
  for (const name of ['first', 'second']) {
    const line = await s.open(name, ({ nonce }) =>
      login({ jwt: userJwt(limited, ann), sig: ann.sign(`${nonce}`), protocol: 1 }),
    )
    await line.settle()
    lines.push(line)
  }
  for (const line of lines) line.close()
})

differential('what is no JWT lets nobody in', async (s) => {
  const good = userJwt(plain, ann)
  const [head, body, signature] = good.split('.')
  const old = encode({ typ: 'jwt', alg: 'ed25519' })
  const forged = encode(Buffer.from(body, 'base64url').toString().replace(plain.publicKey, other.publicKey))
  const entering: Entering[] = []
  for (const [name, jwt] of Object.entries({
    nothing: '',
    words: 'a.b.c',
    'two parts': `${head}.${body}`,
    'no signature': `${head}.${body}.`,
    'a forged issuer': `${head}.${forged}.${signature}`,
    'another algorithm': `${encode({ typ: 'JWT', alg: 'none' })}.${body}.${signature}`,
    'an old algorithm': `${old}.${body}.${ann.sign(`${old}.${body}`)}`,
    'a newer version': makeJwt(plain, ann.publicKey, { type: 'user', version: 3 }),
    'version 1': makeJwt(plain, ann.publicKey, { type: 'user', version: 1 }),
    'no version': makeJwt(plain, ann.publicKey, { type: 'user', version: 0 }),
    'of no kind': makeJwt(plain, ann.publicKey, {}),
    'a cluster': makeJwt(plain, ann.publicKey, { type: 'cluster' }),
    'text for a number': userJwt(plain, ann, { subs: 'many' }),
    'a number for a list': userJwt(plain, ann, { pub: { allow: 1 } }),
    'null everywhere': userJwt(plain, ann, { pub: null, sub: null, src: null, times: null, resp: null }),
    'a fraction': userJwt(plain, ann, { subs: 1.5 }),
    'a subject that is no key': makeJwt(plain, 'UNOKEY', { type: 'user', subs: -1, payload: -1 }),
    'an account for a user': makeJwt(plain, plain.publicKey, { type: 'user', subs: -1, payload: -1 }),
    'an issuer account that is none': userJwt(signer, ann, { issuer_account: 'A' }),
    'with line ends': `${head}\n.${body}.${signature}\n`,
  })) {
    entering.push([name, jwt, ann])
  }
  await enter(s, ...entering)
})

const updated = accountJwt(operator, plain, { limits: { ...NO_ACCOUNT_LIMITS, payload: 3 } })
const untrusted = accountJwt(stranger, plain)
const unused = accountJwt(operator, unknown)

differential('accounts that are used get other JWTs, without a folder too', async (s) => {
  const line = await s.open('system', ({ nonce }) =>
    login({ jwt: userJwt(system, ann), sig: ann.sign(`${nonce}`) }),
  )
  const used = await s.open('used', ({ nonce }) =>
    login({ jwt: userJwt(plain, ann), sig: ann.sign(`${nonce}`) }),
  )
  await used.send('SUB a 1\r\n')
  for (const prefix of ['$SYS.REQ.ACCOUNT.', '$SYS.ACCOUNT.']) {
    for (const [key, body] of [
      [plain, ''],
      [plain, 'a.b.c'],
      [other, updated],
      [unknown, unused],
      [plain, untrusted],
      [plain, updated],
    ] as const) {
      await ask(s, line, `${prefix}${key.publicKey}.CLAIMS.UPDATE`, body)
    }
  }
  await used.send('PUB a 3\r\n123\r\nPUB a 4\r\n1234\r\n')
  await used.settle()
})
