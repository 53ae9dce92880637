/** Auth callout in operator mode: sealed requests and answers, users of other accounts, scoped users, revocation. */
import { createCurve, type KeyPair } from '@nats-io/nkeys'
import { accountJwt, makeJwt, newKey, operatorJwt, userJwt } from '../../../jwts.ts'
import {
  type Asked,
  answer,
  nextRequest,
  noteQuestion,
  type Question,
  questionOf,
  response,
} from '../callout.ts'
import { login } from '../credentials.ts'
import { differential, serversWith } from '../harness.ts'
import type { Line, Session } from '../session.ts'

const operator = newKey.operator()
const [system, auth, app, closed, wide, one] = Array.from({ length: 6 }, newKey.account)
const [scoped, signer] = Array.from({ length: 2 }, newKey.account)
const [service, sentinel, stranger] = Array.from({ length: 3 }, newKey.user)
const curve = createCurve()
const XKEY = /Nats-Server-Xkey: (X[A-Z2-7]+)/

const authorization = {
  auth_users: [service.publicKey],
  allowed_accounts: [app.publicKey],
  xkey: curve.getPublicKey(),
}
const accounts = {
  [system.publicKey]: accountJwt(operator, system),
  [auth.publicKey]: accountJwt(
    operator,
    auth,
    { authorization, signing_keys: [signer.publicKey] },
    { name: 'AUTH' },
  ),
  [app.publicKey]: accountJwt(operator, app, {
    signing_keys: [
      { kind: 'user_scope', key: scoped.publicKey, template: { pub: { allow: ['t.{{name()}}'] } } },
    ],
  }),
  [closed.publicKey]: accountJwt(operator, closed),
  [wide.publicKey]: accountJwt(operator, wide, {
    authorization: { auth_users: [service.publicKey], allowed_accounts: ['*'] },
  }),
  [one.publicKey]: accountJwt(operator, one, { limits: {} }),
}

serversWith({
  config: `
operator: "${operatorJwt(operator, { system_account: system.publicKey })}"
resolver: MEMORY
resolver_preload: {
  ${Object.entries(accounts)
    .map(([key, jwt]) => `${key}: "${jwt}"`)
    .join('\n  ')}
}
default_sentinel: "${userJwt(auth, sentinel, { bearer_token: true, pub: { deny: ['>'] }, sub: { deny: ['>'] } }, { name: 'sentinel' })}"
authorization { timeout: 1 }
`,
})

const signed =
  (key: typeof service, jwt: string) =>
  ({ nonce }: Record<string, unknown>): string =>
    login({ jwt, sig: key.sign(`${nonce}`), name: 'me', protocol: 1 })

async function serve(s: Session, account = auth): Promise<Line> {
  const line = await s.open('service', signed(service, userJwt(account, service)))
  await line.send('SUB $SYS.REQ.USER.AUTH 1\r\n')
  return line
}

function opened({ headers, bytes }: Asked): { question: Question; key: string } {
  const key = XKEY.exec(headers)?.[1] ?? ''
  const text = key === '' ? bytes : Buffer.from(curve.open(bytes, key) ?? '')
  return { question: questionOf(text), key }
}

const user = (question: Question, by = app, claims = {}, head = {}): string =>
  makeJwt(by, question.nats.user_nkey, { type: 'user', subs: -1, data: -1, payload: -1, ...claims }, head)

async function come(
  s: Session,
  line: Line,
  name: string,
  connect: Parameters<Session['open']>[1],
  answering: (question: Question, key: string) => string | Uint8Array,
): Promise<void> {
  const client = await s.open(name, connect)
  const asked = await nextRequest(s, line)
  if (asked === null) s.note(name, 'nobody was asked')
  else {
    const { question, key } = opened(asked)
    noteQuestion(s, question)
    s.note('sealed', key !== '')
    await answer(line, asked.reply, answering(question, key))
  }
  await client.settle()
  client.write('PUB t.x 1\r\n1\r\nPUB t.me 1\r\n1\r\nPING\r\n')
  await client.settle()
  client.close()
}

differential('sealed requests, and answers sealed and not', async (s) => {
  const line = await serve(s)
  const anybody = login({ user: 'dora', pass: 'x', protocol: 1 })
  const good = (question: Question, by = auth): string => response(by, question, { jwt: user(question) })
  const sealed = (text: string, key: string, by: KeyPair = curve): Uint8Array =>
    (by as typeof curve).seal(Buffer.from(text), key)
  await come(s, line, 'not sealed', anybody, (question) => good(question))
  await come(s, line, 'sealed', anybody, (question, key) => sealed(good(question), key))
  await come(s, line, 'sealed, by whoever', anybody, (question, key) => sealed(good(question, closed), key))
  await come(s, line, 'sealed by somebody else', anybody, (question, key) =>
    sealed(good(question), key, createCurve()),
  )
  await come(s, line, 'cut off', anybody, (question, key) => sealed(good(question), key).slice(0, 60))
  await come(s, line, 'a signing key of the account', anybody, (question) => good(question, signer))
  await come(s, line, 'somebody else', anybody, (question) => good(question, closed))
})

differential('users of the account and of others', async (s) => {
  const line = await serve(s)
  const by =
    (jwt: (question: Question) => string, fields = {}) =>
    (question: Question) =>
      response(auth, question, { jwt: jwt(question), ...fields })
  const bearer = userJwt(auth, sentinel, { bearer_token: true }, { name: 's' })
  const anybody = login({ jwt: bearer, protocol: 1 })
  const of = { issuer_account: app.publicKey }
  await come(
    s,
    line,
    'of the account',
    anybody,
    by((question) => user(question, auth)),
  )
  await come(
    s,
    line,
    'of another',
    anybody,
    by((question) => user(question, app)),
  )
  await come(
    s,
    line,
    'of one that is not allowed',
    anybody,
    by((question) => user(question, closed)),
  )
  await come(
    s,
    line,
    'scoped',
    anybody,
    by((question) => makeJwt(scoped, question.nats.user_nkey, { type: 'user', ...of }, { name: 'me' })),
  )
  await come(
    s,
    line,
    'scoped with rights',
    anybody,
    by((question) => user(question, scoped, of)),
  )
  await come(
    s,
    line,
    'of an unknown signer',
    anybody,
    by((question) => user(question, signer, of)),
  )
  await come(
    s,
    line,
    'an issuer account',
    anybody,
    by((question) => user(question), { issuer_account: app.publicKey }),
  )
  await come(
    s,
    line,
    'a user with a signature',
    signed(stranger, userJwt(auth, stranger)),
    by((question) => user(question)),
  )
  const wrong = await s.open('a wrong signature', login({ jwt: userJwt(auth, stranger), sig: 'x' }))
  await s.wait(1200)
  await wrong.settle()
})

differential('any account may be allowed', async (s) => {
  const line = await serve(s, wide)
  const anybody = login({ jwt: userJwt(wide, sentinel, { bearer_token: true }), protocol: 1 })
  await come(s, line, 'of another', anybody, (question) =>
    response(wide, question, { jwt: user(question, closed) }),
  )
})
