/** What accounts share by their JWTs, and how other JWTs change accounts that are used. */
import { join } from 'node:path'
import {
  accountJwt,
  activationJwt,
  makeJwt,
  NO_ACCOUNT_LIMITS,
  newKey,
  operatorJwt,
  type TestKey,
  userJwt,
} from '../../../jwts.ts'
import { ask, parse } from '../claims.ts'
import { login } from '../credentials.ts'
import { differential, serversWith } from '../harness.ts'
import type { Frame } from '../raw-client.ts'
import type { Line, Session } from '../session.ts'

const operator = newKey.operator()
const operatorSigner = newKey.operator()
const [system, exporter, importer, changing, poor, unsaved, big] = Array.from({ length: 7 }, newKey.account)
const [signer, otherSigner] = Array.from({ length: 2 }, newKey.account)
const user = newKey.user()
const now = Math.floor(Date.now() / 1000)

const exportAll = [
  { name: 'open', subject: 'open.>', type: 'stream' },
  {
    name: 'closed',
    subject: 'closed.*',
    type: 'stream',
    token_req: true,
    revocations: { [poor.publicKey]: now + 60 },
  },
  { name: 'help', subject: 'help.*', type: 'service', response_type: 'Stream' },
  { name: 'own', subject: 'own.*.in', type: 'stream', account_token_position: 2 },
  { name: 'paid', subject: 'paid', type: 'service', token_req: true },
]
const from = { account: exporter.publicKey }
const active = (subject: string, kind: string, to = importer.publicKey, head = {}): string =>
  activationJwt(exporter, to, { subject, kind }, head)

const importAll = [
  { name: '1', subject: 'open.a.*', type: 'stream', local_subject: 'here.*', ...from },
  { name: '2', subject: 'open.b', type: 'stream', to: 'before', ...from },
  { name: '3', subject: 'closed.x', type: 'stream', token: active('closed.*', 'stream'), ...from },
  { name: '4', subject: 'closed.y', type: 'stream', ...from },
  { name: '5', subject: 'help.*', type: 'service', local_subject: 'ask.$1', ...from },
  { name: '6', subject: 'paid', type: 'service', token: active('paid', 'service'), ...from },
  { name: '7', subject: `own.${importer.publicKey}.in`, type: 'stream', ...from },
  { name: '8', subject: `own.${poor.publicKey}.in`, type: 'stream', ...from },
  { name: '9', subject: 'none', type: 'stream', ...from },
]
const accounts = {
  [system.publicKey]: accountJwt(operator, system),
  [exporter.publicKey]: accountJwt(operator, exporter, {
    exports: exportAll,
    mappings: { 'm.*': [{ subject: 'open.a.$1' }], w: [{ subject: 'open.b', weight: 100 }] },
  }),
  [importer.publicKey]: accountJwt(operator, importer, { imports: importAll }),
  [changing.publicKey]: accountJwt(operator, changing, {
    signing_keys: [signer.publicKey, otherSigner.publicKey],
  }),
  [poor.publicKey]: accountJwt(operator, poor, {
    imports: [
      {
        name: '1',
        subject: 'closed.x',
        type: 'stream',
        token: active('closed.*', 'stream', poor.publicKey),
        ...from,
      },
      { name: '2', subject: 'open.b', type: 'stream', ...from },
    ],
  }),
  [big.publicKey]: accountJwt(operator, big, {
    limits: { ...NO_ACCOUNT_LIMITS, mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 },
  }),
}

serversWith({
  config: (directory) => `
operator: "${operatorJwt(operator, { signing_keys: [operatorSigner.publicKey] })}"
system_account: ${system.publicKey}
resolver: { type: full, dir: ${JSON.stringify(join(directory, 'jwts'))}, allow_delete: true }
resolver_preload: {
  ${Object.entries(accounts)
    .map(([key, jwt]) => `${key}: "${jwt}"`)
    .join('\n  ')}
}
`,
})

function enter(s: Session, name: string, account: TestKey, claims = {}): Promise<Line> {
  return s.open(name, ({ nonce }) =>
    login({ jwt: userJwt(account, user, claims), sig: user.sign(`${nonce}`), verbose: false }),
  )
}

differential('streams and services of other accounts', async (s) => {
  const out = await enter(s, 'exporter', exporter)
  const into = await enter(s, 'importer', importer)
  await into.send('SUB > 1\r\n')
  await out.send('SUB help.* 1\r\nSUB paid 2\r\n')
  const subjects = ['open.a.x', 'open.b', 'open.c', 'closed.x', 'closed.y', 'none', 'm.y', 'w']
  subjects.push(`own.${importer.publicKey}.in`, `own.${poor.publicKey}.in`)
  await out.send(...subjects.map((subject) => `PUB ${subject} 1\r\n1\r\n`))
  await into.send('PUB ask.me 2\r\nhi\r\nPUB paid 2\r\nhi\r\nPUB help.x 2\r\nno\r\n')
  // How long a round trip takes is in the headers.
  s.note('asked', shapes(await out.take()))
  await into.settle()
})

function shapes(frames: readonly Frame[]): unknown {
  return frames.map(({ op, subject, payload }) => ({ op, subject, payload }))
}

differential('an activation that was revoked', async (s) => {
  const out = await enter(s, 'exporter', exporter)
  const into = await enter(s, 'importer', poor)
  await into.send('SUB > 1\r\n')
  await out.send('PUB closed.x 1\r\n1\r\nPUB open.b 1\r\n1\r\n')
  await into.settle()
})

differential('JetStream is where the JWT says so', async (s) => {
  for (const account of [big, exporter]) {
    const line = await enter(s, account === big ? 'big' : 'without', account)
    await line.send('SUB in 1\r\nPUB $JS.API.STREAM.NAMES in 0\r\n\r\n')
    await s.wait(50)
    await line.settle()
  }
})

const tagged = userJwt(exporter, user, { tags: ['a:b'] }, { name: 'ann', exp: now + 1000 })
const good = accountJwt(operatorSigner, changing, { signing_keys: [signer.publicKey] })
const wanted = [
  good,
  '',
  'a.b.c',
  'eyJh.b',
  userJwt(changing, user),
  good.slice(0, -4),
  accountJwt(operator, exporter, { exports: exportAll }),
  makeJwt(operator, 'ABC', { type: 'account' }),
  accountJwt(operator, changing, { limits: { ...NO_ACCOUNT_LIMITS, imports: 0 }, imports: importAll }),
  accountJwt(operator, changing, {
    limits: { ...NO_ACCOUNT_LIMITS, wildcards: false, exports: 1 },
    exports: exportAll,
  }),
  accountJwt(operator, changing, {
    mappings: {
      a: [
        { subject: 'b', weight: 60 },
        { subject: 'c', weight: 60 },
      ],
    },
  }),
  accountJwt(operator, changing, {
    exports: [
      { subject: 'a.>', type: 'stream' },
      { subject: 'a.b', type: 'stream' },
    ],
  }),
  accountJwt(operator, changing, {
    exports: [{ subject: 'a', type: 'service', account_token_position: 1 }],
  }),
  accountJwt(operator, changing, {
    authorization: { auth_users: ['x'], allowed_accounts: ['*', 'y'], xkey: 'z' },
  }),
  accountJwt(operator, changing, { default_permissions: { pub: { allow: ['a b c', '.a'] } } }),
  accountJwt(operator, changing, { signing_keys: ['x'] }),
  accountJwt(operator, changing, {
    imports: [{ subject: 'a.*', type: 'stream', local_subject: 'b.$2' }],
  }),
  accountJwt(operator, changing, { trace: { dest: 'a.*', sampling: 200 }, cluster_traffic: 'x' }),
  accountJwt(operator, changing, {
    info_url: 'x',
    imports: [{ ...importAll[2], token: 'x', share: true }],
  }),
  good,
]

differential('what the system account says of accounts and users', async (s) => {
  const line = await enter(s, 'system', system)
  await line.send(`SUB $SYS.ACCOUNT.${exporter.publicKey}.CONNECT 8\r\n`)
  const client = await s.open('client', ({ nonce }) =>
    login({ jwt: tagged, sig: user.sign(`${nonce}`), name: 'me' }),
  )
  await client.send('SUB in 1\r\nPUB $SYS.REQ.USER.INFO in 0\r\n\r\n')
  await s.wait(50)
  const told = [...(await line.take()), ...(await client.take())]
  const shown = told.map(({ payload }) => {
    const { data, client } = parse(payload ?? '') as { data?: object; client?: object }
    return client ?? { ...data, expires: undefined }
  })
  s.note('told', shown)
  for (const [page, body] of [
    [`ACCOUNT.${exporter.publicKey}.INFO`, ''],
    [`ACCOUNT.${importer.publicKey}.INFO`, ''],
    [`ACCOUNT.${exporter.publicKey}.CONNZ`, '{"auth":true}'],
    [`ACCOUNT.${exporter.publicKey}.CONNS`, ''],
  ]) {
    await ask(s, line, `$SYS.REQ.${page}`, body)
  }
})

differential('requests that change accounts', async (s) => {
  const line = await enter(s, 'system', system)
  const { publicKey } = changing
  const any = '$SYS.REQ.CLAIMS.UPDATE'
  const named = `$SYS.REQ.ACCOUNT.${publicKey}.CLAIMS.UPDATE`
  for (const subject of [any, named, `$SYS.ACCOUNT.${publicKey}.CLAIMS.UPDATE`]) {
    for (const body of wanted) {
      await ask(s, line, subject, body)
    }
  }
  await ask(s, line, `$SYS.REQ.ACCOUNT.${publicKey}.CLAIMS.LOOKUP`, '')
  await ask(s, line, `$SYS.REQ.ACCOUNT.${unsaved.publicKey}.CLAIMS.LOOKUP`, '')
  await ask(s, line, '$SYS.REQ.CLAIMS.LIST', '')
  await ask(s, line, '$SYS.REQ.CLAIMS.PACK', '')
})

differential('clients of an account whose JWT is another', async (s) => {
  const line = await enter(s, 'system', system)
  const { publicKey: issuer_account } = changing
  const change = (claims: Record<string, unknown>, head = {}) =>
    ask(s, line, '$SYS.REQ.CLAIMS.UPDATE', accountJwt(operator, changing, claims, head))
  const keys = { signing_keys: [signer.publicKey, otherSigner.publicKey] }
  await change(keys)
  const signed = await enter(s, 'signed', changing)
  const first = await s.open('first', ({ nonce }) =>
    login({ jwt: userJwt(signer, user, { issuer_account }), sig: user.sign(`${nonce}`) }),
  )
  const second = await s.open('second', ({ nonce }) =>
    login({ jwt: userJwt(otherSigner, user, { issuer_account }), sig: user.sign(`${nonce}`) }),
  )
  const bearer = await enter(s, 'bearer', changing, { bearer_token: true })
  const own = await enter(s, 'with rights', changing, { pub: { allow: ['>'] } })
  const lines = [signed, first, second, bearer, own]
  const settle = async (): Promise<void> => {
    for (const each of lines) await each.settle()
  }
  for (const each of lines) await each.send('SUB x.> 1\r\nSUB y 2\r\n')
  await change({ ...keys, default_permissions: { sub: { deny: ['x.>'] }, pub: { deny: ['z'] } } })
  await signed.send('PUB z 1\r\n1\r\nPUB y 1\r\n1\r\n')
  await settle()
  await change({ ...keys, limits: { ...NO_ACCOUNT_LIMITS, payload: 2, disallow_bearer: true } })
  await signed.send('PUB y 2\r\n12\r\n')
  await settle()
  await change({ signing_keys: [signer.publicKey] })
  await settle()
  await change({ signing_keys: [signer.publicKey], limits: { ...NO_ACCOUNT_LIMITS, conn: 2 } })
  await settle()
  await change({ signing_keys: [signer.publicKey], limits: { ...NO_ACCOUNT_LIMITS, subs: 1 } })
  await s.wait(100)
  await settle()
  const again = await enter(s, 'again', changing)
  await again.settle()
  await change({ revocations: { [user.publicKey]: now + 100 } })
  await again.settle()
  await change({})
  const late = await enter(s, 'late', changing)
  await late.send('')
  await change({}, { exp: Math.floor(Date.now() / 1000) + 1 })
  await s.wait(1600)
  await late.settle()
  const tooLate = await enter(s, 'too late', changing)
  await tooLate.settle()
})

differential('a user whose JWT expires while it is connected', async (s) => {
  const line = await s.open('short', ({ nonce }) =>
    login({
      jwt: userJwt(exporter, user, {}, { exp: Math.floor(Date.now() / 1000) + 1 }),
      sig: user.sign(`${nonce}`),
    }),
  )
  await line.send('')
  await s.wait(1900)
  await line.settle()
})

differential('accounts are deleted', async (s) => {
  const line = await enter(s, 'system', system)
  const gone = await enter(s, 'gone', poor)
  await gone.send('')
  const by = (key: TestKey, accounts: unknown): string =>
    makeJwt(key, key.publicKey, { type: 'generic', accounts })
  const subject = '$SYS.REQ.CLAIMS.DELETE'
  for (const body of [
    '',
    'a.b.c',
    by(exporter, [poor.publicKey]),
    by(operator, [system.publicKey]),
    by(operator, ['../x']),
    by(operator, 'x'),
    by(operator, [1]),
    makeJwt(operator, operator.publicKey, { type: 'generic' }),
    makeJwt(operator, exporter.publicKey, { type: 'generic', accounts: [poor.publicKey] }),
    by(operator, [unsaved.publicKey]),
    by(operator, [poor.publicKey]),
    by(operatorSigner, []),
  ]) {
    await ask(s, line, subject, body)
  }
  await gone.settle()
  const again = await enter(s, 'again', poor)
  await s.wait(2500)
  await again.settle()
  await ask(s, line, '$SYS.REQ.CLAIMS.LIST', '')
})
