/** Users of accounts: passwords plain and hashed, nkeys, default permissions, connection types; and that accounts are kept apart. */
import { FIRST_USER, HASHED, login, SECOND_USER, sign } from '../credentials.ts'
import { differential, serversWith } from '../harness.ts'

serversWith({
  config: `
accounts {
  A {
    jetstream: enabled
    users: [
      { user: ann, password: plain }
      { user: hal, password: "${HASHED}" }
      { nkey: ${FIRST_USER.publicKey} }
      { user: tie, password: p, allowed_connection_types: ["WEBSOCKET"] }
      { user: std, password: p, allowed_connection_types: ["standard", "WEBSOCKET"] }
    ]
  }
  B {
    default_permissions: { publish: "b.>", subscribe: { deny: "b.secret" } }
    users: [
      { user: bob, password: plain }
      { user: bea, password: plain, permissions: { publish: { deny: "b.no" } } }
      { nkey: ${SECOND_USER.publicKey}, permissions: { subscribe: "b.x" } }
    ]
  }
  SYS { users: [ { user: sys, password: plain } ] }
}
system_account: SYS
`,
})

differential('INFO asks for credentials and gives something to sign', async (s) => {
  await s.info()
})

differential('users by their passwords, plain and hashed', async (s) => {
  for (const [user, pass] of [
    ['ann', 'plain'],
    ['ann', 'Plain'],
    ['ann', ''],
    ['hal', 'hashed'],
    ['hal', 'wrong'],
    ['hal', HASHED],
    ['bob', 'plain'],
    ['nobody', 'plain'],
    ['', 'plain'],
    ['tie', 'p'],
    ['std', 'p'],
    ['sys', 'plain'],
    ['constructor', 'plain'],
    ['__proto__', ''],
  ]) {
    // A hash takes its time.
    const line = await s.open(`${user} ${pass}`, login({ user, pass, protocol: 1 }))
    await line.send('')
    await line.settle()
  }
  await s.raw(`${login({})}PING\r\n`)
  await s.raw('PING\r\n')
  await s.raw(`${login({ auth_token: 'plain' })}PING\r\n`)
  await s.raw(`${login({ user: 'ann', pass: 'plain', account: 'B' })}PING\r\n`)
  await s.raw(`${login({ user: 'ann', pass: 'plain', new_account: true })}PING\r\n`)
})

differential('what comes behind a login that takes its time waits for it', async (s) => {
  const line = await s.open('hal', login({ user: 'hal', pass: 'hashed' }))
  await line.send('SUB x 1\r\nPUB x 2\r\nhi\r\n')
  await line.settle()
})

differential('nkeys sign what INFO gave them', async (s) => {
  const { publicKey: nkey, seed } = FIRST_USER
  const attempts: [string, (nonce: string) => Record<string, unknown>][] = [
    ['right', (nonce) => ({ nkey, sig: sign(seed, nonce) })],
    [
      'the standard alphabet',
      (nonce) => ({ nkey, sig: Buffer.from(sign(seed, nonce), 'base64url').toString('base64') }),
    ],
    ['another nonce', () => ({ nkey, sig: sign(seed, 'something else') })],
    ['another key', (nonce) => ({ nkey, sig: sign(SECOND_USER.seed, nonce) })],
    ['no signature', () => ({ nkey })],
    ['nonsense', () => ({ nkey, sig: 'nonsense!' })],
    ['cut off', (nonce) => ({ nkey, sig: sign(seed, nonce).slice(0, 40) })],
    ['unknown', (nonce) => ({ nkey: nkey.replace('UC', 'UD'), sig: sign(seed, nonce) })],
    ['shorter', (nonce) => ({ nkey: nkey.slice(0, -1), sig: sign(seed, nonce) })],
    ['with a password', (nonce) => ({ nkey, sig: sign(seed, nonce), user: 'ann', pass: 'wrong' })],
  ]
  for (const [name, fields] of attempts) {
    const line = await s.open(name, ({ nonce }) => login({ ...fields(`${nonce}`), protocol: 1 }))
    // Nothing more: what the server has not read when it closes makes the end a reset, and its last words are lost.
    await line.settle()
  }
})

differential('permissions of the account are for those who have none', async (s) => {
  const bob = await s.open('bob', login({ user: 'bob', pass: 'plain' }))
  const bea = await s.open('bea', login({ user: 'bea', pass: 'plain' }))
  const key = await s.open('key', ({ nonce }) =>
    login({ nkey: SECOND_USER.publicKey, sig: sign(SECOND_USER.seed, `${nonce}`) }),
  )
  for (const line of [bob, bea, key]) await line.send('SUB b.> 1\r\nSUB b.secret 2\r\nSUB b.x 3\r\n')
  await bob.send(
    'PUB a 1\r\na\r\nPUB b.a 1\r\na\r\nPUB b.secret 1\r\ns\r\nPUB b.no 1\r\nb\r\nPUB b.x 1\r\nx\r\n',
  )
  await bea.send('PUB a 1\r\nA\r\nPUB b.no 1\r\nB\r\nPUB b.secret 1\r\nS\r\nPUB b.x 1\r\nX\r\n')
  for (const line of [bob, bea, key]) await line.send('')
  for (const line of [bob, bea, key]) await line.settle()
})

differential('accounts hear nothing of each other', async (s) => {
  const ann = await s.open('ann', login({ user: 'ann', pass: 'plain' }))
  const bob = await s.open('bob', login({ user: 'bob', pass: 'plain' }))
  await ann.send('SUB > 1\r\nSUB b.> q 2\r\n')
  await bob.send('SUB b.> 1\r\nSUB b.> q 2\r\nPUB b.a ask 3\r\nbob\r\n')
  await ann.send('PUB b.a 3\r\nann\r\nPUB c nobody 1\r\nx\r\n')
  await bob.send('')
  for (const line of [ann, bob]) await line.settle()
})

differential('JetStream is where the account has it', async (s) => {
  for (const user of ['ann', 'bob']) {
    const line = await s.open(user, login({ user, pass: 'plain' }))
    const config = JSON.stringify({ name: 'S', subjects: ['s'] })
    const create = `PUB $JS.API.STREAM.CREATE.S in.1 ${config.length}\r\n${config}\r\n`
    await line.send('SUB in.* 1\r\n', create)
    await s.wait(200)
    await line.send('PUB s in.2 2\r\nhi\r\n')
    await s.wait(100)
    const frames = await line.take()
    s.note(
      user,
      frames.map(({ op, line: text, subject, payload }) => [
        op,
        subject ?? text,
        payload?.replace(/"(created|ts)":"[^"]*"/g, ''),
      ]),
    )
    if (user === 'ann') await line.send('PUB $JS.API.STREAM.DELETE.S 0\r\n\r\n')
  }
})
