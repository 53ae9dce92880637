/** Auth callout by the configuration: who is asked about, what is asked, and what answers let in. */
import { makeJwt, newKey, userJwt } from '../../../jwts.ts'
import { answer, nextRequest, noteQuestion, type Question, questionOf, response } from '../callout.ts'
import { FIRST_USER, login, sign } from '../credentials.ts'
import { differential, serversWith } from '../harness.ts'
import type { Line, Session } from '../session.ts'

const issuer = newKey.account()
const stranger = newKey.account()

serversWith({
  config: `
accounts {
  AUTH { users: [ { user: auth, password: p }, { user: other, password: p } ] }
  APP {
    jetstream: enabled
    default_permissions: { publish: { deny: "no" } }
    users: [ { user: ann, password: p }, { nkey: ${FIRST_USER.publicKey} } ]
  }
  FREE { users: [ { user: free, password: p } ] }
  SYS { users: [ { user: sys, password: p } ] }
}
system_account: SYS
server_tags: ["a:b"]
authorization {
  timeout: 1
  auth_callout {
    issuer: ${issuer.publicKey}
    account: AUTH
    auth_users: [ auth, sys ]
    allowed_accounts: [ APP, AUTH ]
  }
}
`,
})

type Answering = (question: Question) => string

/** Somebody comes; the service answers. */
async function come(
  s: Session,
  service: Line,
  name: string,
  connect: Parameters<Session['open']>[1],
  answering: Answering,
  more = '',
): Promise<void> {
  const line = await s.open(name, connect)
  const asked = await nextRequest(s, service)
  if (asked === null) s.note(name, 'nobody was asked')
  else {
    const question = questionOf(asked.bytes)
    noteQuestion(s, question)
    await answer(service, asked.reply, answering(question))
  }
  if (more !== '') await line.send(more)
  await line.settle()
  line.close()
}

async function serve(s: Session): Promise<Line> {
  const line = await s.open('service', login({ user: 'auth', pass: 'p' }))
  await line.send('SUB $SYS.REQ.USER.AUTH 1\r\n')
  return line
}

const user = (question: Question, claims = {}, head = {}, by = issuer): string =>
  makeJwt(
    by,
    question.nats.user_nkey,
    { type: 'user', subs: -1, data: -1, payload: -1, ...claims },
    { aud: 'APP', ...head },
  )
const lets =
  (claims = {}, head = {}): Answering =>
  (question) =>
    response(issuer, question, { jwt: user(question, claims, head) })

const anybody = login({ user: 'dora', pass: 'x', name: 'me', lang: 'l', version: 'v', protocol: 1 })
const use = 'SUB a 1\r\nPUB a 1\r\n1\r\nPUB no 1\r\n1\r\nPUB b 1\r\n1\r\n'

differential('who is asked about', async (s) => {
  const service = await serve(s)
  await come(s, service, 'unknown', anybody, lets(), use)
  await come(s, service, 'nothing', login({ protocol: 1 }), lets({}, { name: 'named' }), use)
  await come(s, service, 'a token', login({ auth_token: 't', protocol: 1 }), lets(), use)
  await come(s, service, 'a known user', login({ user: 'ann', pass: 'p' }), lets(), use)
  await come(s, service, 'a wrong password', login({ user: 'ann', pass: 'q' }), lets(), use)
  const key = ({ nonce }: Record<string, unknown>) =>
    login({ nkey: FIRST_USER.publicKey, sig: sign(FIRST_USER.seed, `${nonce}`) })
  await come(s, service, 'a key', key, lets(), use)
  await come(s, service, 'a JWT', login({ jwt: userJwt(stranger, newKey.user()), sig: 'x' }), lets())
  await come(
    s,
    service,
    'other',
    login({ user: 'other', pass: 'p' }),
    lets({}, { aud: 'AUTH' }),
    'PUB $SYS.REQ.USER.AUTH 1\r\n1\r\n',
  )
  for (const [name, line] of [
    ['free', login({ user: 'free', pass: 'p' })],
    ['sys', login({ user: 'sys', pass: 'p' })],
    ['the service', login({ user: 'auth', pass: 'p' })],
    ['a wrong password of it', login({ user: 'auth', pass: 'q' })],
  ]) {
    const open = await s.open(name, line)
    await open.settle()
    // What a server has not read when it closes makes the end a reset.
    if (name !== 'a wrong password of it') await open.send('PUB $SYS.REQ.USER.AUTH x 1\r\n1\r\n')
    await open.settle()
  }
})

differential('what the answer lets do', async (s) => {
  const service = await serve(s)
  const say = (name: string, answering: Answering, more = use) =>
    come(s, service, name, anybody, answering, more)
  await say('rights', lets({ pub: { allow: ['b'] }, sub: { deny: ['a'] }, resp: { max: 1, ttl: 0 } }))
  await say('no limits of its own', lets({ subs: 0, payload: 1 }))
  await say('types', lets({ allowed_connection_types: ['WEBSOCKET'] }), '')
  await say('all types', lets({ allowed_connection_types: ['STANDARD', 'X'] }))
  await say('another network', lets({ src: ['10.0.0.0/8'] }))
  await say('another account', lets({}, { aud: 'FREE' }))
  await say('the account of the service', lets({}, { aud: 'AUTH' }), 'PUB $SYS.REQ.USER.AUTH 1\r\n1\r\n')
  const short = await s.open('short', anybody)
  const asked = await nextRequest(s, service)
  if (asked !== null) {
    const exp = Math.floor(Date.now() / 1000) + 1
    await answer(service, asked.reply, lets({}, { exp })(questionOf(asked.bytes)))
  }
  await s.wait(1900)
  await short.settle()
})

differential('answers that let nobody in', async (s) => {
  const service = await serve(s)
  const refused: Record<string, Answering> = {
    nothing: () => '',
    words: () => 'no',
    'no JWT': () => 'eyJ.a.b',
    'a user': (question) => user(question),
    'an error': (question) => response(issuer, question, { error: 'no' }),
    'an error and a user': (question) => response(issuer, question, { error: 'no', jwt: user(question) }),
    neither: (question) => response(issuer, question, {}),
    'by somebody else': (question) => response(stranger, question, { jwt: user(question) }),
    'a user by somebody else': (question) =>
      response(issuer, question, { jwt: user(question, {}, {}, stranger) }),
    'about somebody else': (question) =>
      response(
        issuer,
        { ...question, nats: { ...question.nats, user_nkey: newKey.user().publicKey } },
        { jwt: user(question) },
      ),
    'another user': (question) =>
      response(issuer, question, { jwt: userJwt(issuer, newKey.user(), {}, { aud: 'APP' }) }),
    'for another server': (question) =>
      response(issuer, question, { jwt: user(question) }, { aud: question.iss.replace(/.$/, 'A') }),
    'no account': lets({}, { aud: '' }),
    'an unknown account': lets({}, { aud: 'NONE' }),
    'an issuer account': lets({ issuer_account: stranger.publicKey }),
    expired: lets({}, { exp: 1000 }),
    'a bad rule': lets({ pub: { allow: ['a..b'] } }),
    'an expired answer': (question) => response(issuer, question, { jwt: user(question) }, { exp: 1000 }),
  }
  for (const [name, answering] of Object.entries(refused)) await come(s, service, name, anybody, answering)
})

differential('nobody answers', async (s) => {
  const line = await s.open('late', anybody)
  await s.wait(1700)
  await line.settle()
})
