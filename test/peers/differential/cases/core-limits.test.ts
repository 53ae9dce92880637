/** Limits and who may connect, with a configuration file that both servers read. */
import { differential, HELLO, serversWith } from '../harness.ts'

serversWith({
  flags: [],
  config: `
max_payload: 100
max_control_line: 512
max_connections: 6
max_subscriptions: 5
max_subscription_tokens: 4
ping_interval: "600ms"
ping_max: 2
authorization {
  timeout: 0.5
  users = [
    { user: alice, password: "secret" }
    { user: bob, password: "builder",
      permissions: {
        publish: { allow: ["bob.>", "_INBOX.>"], deny: ["bob.secret"] }
        subscribe: { allow: ["bob.>", "q.* group"], deny: ["bob.hidden", "bob.inner.>"] }
      } }
    { user: carol, password: "c", permissions: { publish: ["only.this"], subscribe: ["service"], allow_responses: { max: 1, expires: "1m" } } }
  ]
}
`,
})

function as(user: string, pass: string, more = ''): string {
  return `CONNECT {"verbose":false,"headers":true,"no_responders":true,"user":"${user}","pass":"${pass}"${more}}\r\n`
}

const ALICE = as('alice', 'secret')
const BOB = as('bob', 'builder')

differential('limits in INFO', async (s) => {
  await s.info()
})

differential('who may connect', async (s) => {
  await s.raw(`${ALICE}PING\r\n`)
  await s.raw(`${as('alice', 'wrong')}PING\r\n`)
  await s.raw(`${as('mallory', 'secret')}PING\r\n`)
  await s.raw(`${HELLO}PING\r\n`)
  await s.raw('CONNECT {"auth_token":"secret","verbose":false}\r\nPING\r\n')
  await s.raw('CONNECT {"user":"alice","verbose":false}\r\nPING\r\n')
})

differential('operations before CONNECT are refused', async (s) => {
  await s.raw('PING\r\n')
  await s.raw('SUB a 1\r\n')
  await s.raw('PUB a 1\r\nx\r\n')
})

differential('who says nothing is told of the timeout', async (s) => {
  const line = await s.open('silent', '')
  await s.wait(900)
  await line.settle()
})

differential('a payload above the limit', async (s) => {
  await s.raw(`${ALICE}PUB a 100\r\n${'x'.repeat(100)}\r\nPING\r\n`)
  await s.raw(`${ALICE}PUB a 101\r\n${'x'.repeat(101)}\r\nPING\r\n`)
  await s.raw(`${ALICE}HPUB a 12 101\r\n`)
})

differential('a control line above the limit', async (s) => {
  await s.raw(`${ALICE}SUB ${'a'.repeat(500)} 1\r\nPING\r\n`)
  await s.raw(`${ALICE}SUB ${'a'.repeat(520)} 1\r\nPING\r\n`)
  await s.raw(
    `CONNECT {"user":"alice","pass":"secret","verbose":false,"name":"${'n'.repeat(600)}"}\r\nPING\r\n`,
  )
})

differential('too many subscriptions, and tokens', async (s) => {
  await s.raw(
    `${ALICE}${[1, 2, 3, 4, 5, 6, 7].map((i) => `SUB s.${i} ${i}\r\n`).join('')}UNSUB 1\r\nSUB s.8 8\r\nPING\r\n`,
  )
  await s.raw(`${ALICE}SUB a.b.c.d 1\r\nSUB a.b.c.d.e 2\r\nPING\r\n`)
})

differential('too many connections', async (s) => {
  const lines = []
  for (let i = 0; i < 6; i++) lines.push(await s.open(`${i}`, ALICE))
  await s.wait(100)
  const refused = await s.open('refused', '')
  await refused.settle()
  for (const line of lines) line.close()
  await s.wait(200)
  await s.raw(`${ALICE}PING\r\n`)
})

differential('permissions to publish', async (s) => {
  for (const subject of [
    'bob.a',
    'bob.secret',
    'other',
    'bob',
    'bob.*',
    '_INBOX.x',
    '$SYS.x',
    '$JS.API.INFO',
  ]) {
    await s.raw(`${BOB}PUB ${subject} 0\r\n\r\nPING\r\n`)
  }
  await s.raw(`${BOB}PUB bob.a reply.to 0\r\n\r\nPING\r\n`)
  await s.raw(`${as('bob', 'builder', ',"pedantic":true')}PUB other 0\r\n\r\nPING\r\n`)
  await s.raw(`${BOB}HPUB other 12 12\r\nNATS/1.0\r\n\r\n\r\nPING\r\n`)
})

differential('permissions to subscribe', async (s) => {
  for (const line of [
    'bob.a 1',
    'bob.hidden 1',
    'other 1',
    'bob.> 1',
    '> 1',
    'q.x 1',
    'q.x group 1',
    'q.x other 1',
    'bob.* 1',
    'bob.inner.x 1',
  ]) {
    await s.raw(`${BOB}SUB ${line}\r\nPING\r\n`)
  }
})

differential('what is denied inside a wider subscription is not delivered', async (s) => {
  const bob = await s.open('bob', BOB)
  await bob.send('SUB bob.> 1\r\n')
  const alice = await s.open('alice', ALICE)
  for (const subject of ['bob.a', 'bob.hidden', 'bob.inner.x', 'bob.inner'])
    await alice.send(`PUB ${subject} 0\r\n\r\n`)
  await alice.settle()
  await bob.settle()
})

differential('allow_responses: one answer to each request', async (s) => {
  const carol = await s.open('carol', as('carol', 'c'))
  await carol.send('SUB service 1\r\n')
  const alice = await s.open('alice', ALICE)
  await alice.send('SUB in.> 1\r\nPUB service in.1 2\r\nhi\r\n')
  await carol.settle()
  await carol.send('PUB in.1 1\r\na\r\n', 'PUB in.1 1\r\nb\r\n', 'PUB in.2 1\r\nc\r\n')
  await carol.settle('answers')
  await alice.settle()
})

differential('the server pings, and closes who does not answer', async (s) => {
  const line = await s.open('silent', ALICE)
  line.isSilent = true
  await s.wait(2600)
  s.note(
    'frames',
    (await line.take()).map((frame) => `${frame.op} ${frame.line}`),
  )
})
