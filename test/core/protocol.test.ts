import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Credentials, Identity } from '../../src/core/index.ts'
import { FakeClient, fakeBus } from './fakes.ts'

/** What a fresh client says, what it hears, and why it was closed ('' when it was not). Compared with nats-server. */
const conversations: [string, string, string][] = [
  ['FOO\r\n', "-ERR 'Unknown Protocol Operation'\r\n", 'Protocol Violation'],
  ['\r\n', "-ERR 'Unknown Protocol Operation'\r\n", 'Protocol Violation'],
  ['PING\r\n', 'PONG\r\n', ''],
  ['PUB foo 2\r\nhi\r\n', '+OK\r\n', ''],
  ['PUB foo.* 2\r\nhi\r\n', "-ERR 'Invalid Publish Subject'\r\n+OK\r\n", ''],
  ['PUB foo 2000000\r\n', "-ERR 'Maximum Payload Violation'\r\n", 'Maximum Message Payload Exceeded'],
  ['PUB foo -1\r\n', '', 'Protocol Violation'],
  ['PUB foo 2\r\nhixx', "-ERR 'Unknown Protocol Operation'\r\n", 'Protocol Violation'],
  [
    `SUB ${'a'.repeat(4100)} 1\r\n`,
    "-ERR 'maximum control line exceeded'\r\n",
    'Maximum Control Line Exceeded',
  ],
  ['HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\r\n', '', 'Protocol Violation'],
  ['SUB a..b 1\r\n', "-ERR 'Invalid Subject'\r\n", ''],
  ['SUB foo\r\n', '', 'Protocol Violation'],
  ['SUB foo 1\r\nSUB a..b 1\r\n', '+OK\r\n+OK\r\n', ''],
  [
    'SUB foo _sys_ 1\r\n',
    `-ERR 'Permissions Violation for Subscription to "foo" using queue "_sys_"'\r\n`,
    '',
  ],
  ['UNSUB 7\r\n', '+OK\r\n', ''],
  ['-ERR oh\r\n', '', 'Parse Error'],
  ['CONNECT {}\r\n', '+OK\r\n', ''],
  ['CONNECT {\r\n', '', 'Protocol Violation'],
  ['CONNECT []\r\n', '', 'Protocol Violation'],
  ['CONNECT {"verbose":"x"}\r\n', '', 'Protocol Violation'],
  ['CONNECT {"VERBOSE":false,"name":null,"more":[1]}\r\nPING\r\n', 'PONG\r\n', ''],
  ['CONNECT {"protocol":2}\r\n', "-ERR 'invalid client protocol'\r\n", 'Bad Client Protocol Version'],
  ['CONNECT {"account":"x"}\r\n', "-ERR 'Authorization Violation'\r\n", 'Authentication Failure'],
  [
    'CONNECT {"no_responders":true}\r\n',
    "-ERR 'no responders requires headers support'\r\n",
    'No Responders Requires Headers',
  ],
  ['CONNECT {"verbose":false,"protocol":1}\r\nPING\r\nPING\r\n', 'PONG\r\nINFO\r\nPONG\r\n', ''],
  ['CONNECT {"verbose":false,"protocol":0}\r\nPING\r\n', 'PONG\r\n', ''],
  [
    'CONNECT {"verbose":false}\r\nPUB _GR_.x 1\r\na\r\nPUB $NRG.x 1\r\na\r\nPUB foo $JS.ACK.x 1\r\na\r\nPUB foo _R_.x 1\r\na\r\n',
    `-ERR 'Permissions Violation for Publish to "_GR_.x"'\r\n-ERR 'Permissions Violation for Publish to "$NRG.x"'\r\n` +
      `-ERR 'Permissions Violation for Publish with Reply of "$JS.ACK.x"'\r\n` +
      `-ERR 'Permissions Violation for Publish with Reply of "_R_.x"'\r\n`,
    '',
  ],
]

test('each conversation goes as with nats-server', () => {
  for (const [said, heard, reason] of conversations) {
    const { bus } = fakeBus()
    const client = new FakeClient(bus)
    assert.equal(client.take(), 'INFO\r\n')
    assert.equal(client.say(said), heard, JSON.stringify(said))
    assert.equal(client.session.closeReason, reason, JSON.stringify(said))
    assert.equal(client.isEnded, reason !== '')
    assert.equal(bus.connections.size, reason === '' ? 1 : 0)
  }
})

test('INFO says who the client is, and after CONNECT which account it has', () => {
  const { bus } = fakeBus({ info: { server_id: 'S', headers: true } })
  const sent: string[] = []
  const client = new FakeClient(bus)
  client.write = (bytes) => {
    sent.push(bytes.toString())
    return true
  }
  client.say('CONNECT {"protocol":1,"verbose":false}\r\nPING\r\n')
  const infos = [...sent.join('').matchAll(/INFO (\{.*?\}) \r\n/g)].map((match) => JSON.parse(match[1]))
  assert.equal(infos.length, 2)
  assert.deepEqual(infos[0], { server_id: 'S', headers: true, client_id: 1, client_ip: '127.0.0.1' })
  assert.deepEqual(infos[1], { ...infos[0], connect_info: true, remote_account: '$G' })
  sent.length = 0
  bus.announceLameDuck()
  client.take()
  assert.match(sent.join(''), /"ldm":true/)
  assert.equal('ldm' in bus.info, false)
})

test('credentials are asked for before anything else', () => {
  const authenticator = {
    isRequired: true,
    authenticate: ({ options }: Credentials) =>
      options.pass === 'p' ? { account: 'A', user: options.user } : null,
  }
  const { bus, clock } = fakeBus({ authenticator })
  const refused = "-ERR 'Authorization Violation'\r\n"
  for (const said of [
    'PING\r\n',
    'P',
    'FOO\r\n',
    'CONNECT {"user":"u","pass":"x"}\r\n',
    'CONNECT {}\r\nPING\r\n',
  ]) {
    const client = new FakeClient(bus)
    client.take()
    assert.equal(client.say(said), refused, said)
    assert.equal(client.session.closeReason, 'Authentication Failure')
  }
  const good = new FakeClient(bus)
  good.take()
  assert.equal(good.say('CONNECT {"user":"u","pass":"p"}\r\n'), '+OK\r\n')
  assert.equal(good.session.account.name, 'A')
  assert.equal(good.session.user, 'u')
  const silent = new FakeClient(bus)
  silent.take()
  clock.advance(3000)
  assert.equal(silent.take(), "-ERR 'Authentication Timeout'\r\n")
  assert.equal(silent.session.closeReason, 'Authentication Timeout')
  assert.equal(good.session.isClosed, false)
})

test('accounts are kept apart', () => {
  const authenticator = {
    isRequired: true,
    authenticate: ({ options }: Credentials) => ({ account: options.user, user: options.user }),
  }
  const { client } = fakeBus({ authenticator })
  const [a, b, alsoA] = ['A', 'B', 'A'].map((user) => client({ user }))
  for (const one of [a, b, alsoA]) one.say('SUB foo 1\r\n')
  a.say('PUB foo 1\r\nx\r\n')
  assert.equal(alsoA.take(), 'MSG foo 1 1\r\nx\r\n')
  assert.equal(b.take(), '')
})

test('permissions are asked at publish, subscribe and delivery', () => {
  const denied = (subject: string): boolean => subject.startsWith('secret')
  const text = (subject: Buffer, start: number, end: number): string => subject.toString('latin1', start, end)
  const permissions = {
    mayPublish: (...args: [Buffer, number, number]) => !denied(text(...args)),
    maySubscribe: (subject: string) => !denied(subject),
    responses: null,
    isFiltered: () => true,
    mayReceive: (subject: Buffer, start: number, end: number) => !denied(text(subject, start, end)),
  }
  const authenticator = {
    isRequired: true,
    authenticate: ({ options }: Credentials) => ({
      account: '$G',
      user: options.user,
      permissions: options.user === 'all' ? null : permissions,
    }),
  }
  const { client } = fakeBus({ authenticator })
  const bound = client({ user: 'bound' })
  const free = client({ user: 'all' })
  assert.equal(
    bound.say('PUB secret.a 1\r\nx\r\n'),
    `-ERR 'Permissions Violation for Publish to "secret.a"'\r\n`,
  )
  assert.equal(
    bound.say('SUB secret.> 1\r\n'),
    `-ERR 'Permissions Violation for Subscription to "secret.>"'\r\n`,
  )
  assert.equal(
    bound.say('SUB secret.> q 1\r\n'),
    `-ERR 'Permissions Violation for Subscription to "secret.>" using queue "q"'\r\n`,
  )
  bound.say('SUB > 1\r\n')
  free.say('PUB secret.a 1\r\nx\r\nPUB open.a 1\r\ny\r\n')
  assert.equal(bound.take(), 'MSG open.a 1 1\r\ny\r\n')
})

test('while a login is waited for nothing of the client is taken, and then all in order', async () => {
  let tell: (identity: Identity | null) => void = () => {}
  const authenticator = {
    isRequired: true,
    authenticate: () =>
      new Promise<Identity | null>((resolve) => {
        tell = resolve
      }),
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const { bus, clock } = fakeBus({ authenticator })
  const client = new FakeClient(bus)
  client.take()
  assert.equal(client.say('CONNECT {"verbose":false}\r\nSUB a 1\r\nPUB a 2\r\nh', 'i\r\nPI', 'NG\r\n'), '')
  assert.equal(client.isPaused, true)
  tell({ account: 'A', user: 'u' })
  await turn()
  assert.equal(client.take(), 'MSG a 1 2\r\nhi\r\nPONG\r\n')
  assert.equal(client.isPaused, false)
  assert.equal(client.session.account.name, 'A')

  const refused = new FakeClient(bus)
  refused.take()
  refused.say('CONNECT {"verbose":false}\r\nPUB a 2\r\nhi\r\n')
  tell(null)
  await turn()
  assert.equal(refused.take(), "-ERR 'Authorization Violation'\r\n")
  assert.equal(client.take(), '')

  const late = new FakeClient(bus)
  late.take()
  late.say('CONNECT {}\r\nPING\r\n')
  clock.advance(4500)
  assert.equal(late.take(), "-ERR 'Authentication Timeout'\r\n")
  tell({ account: 'A', user: 'u' })
  await turn()
  assert.equal(late.take(), '')
  assert.equal(bus.connections.size, 1)
})

test('INFO gives something else to sign to each client, where that is needed', () => {
  const nonces = new Set<string>()
  const seen: string[] = []
  const authenticator = {
    isRequired: true,
    needsNonce: true,
    authenticate: ({ nonce }: Credentials) => {
      seen.push(nonce)
      return { account: '$G', user: '' }
    },
  }
  const { bus } = fakeBus({ authenticator })
  for (let i = 0; i < 3; i++) {
    const sent: string[] = []
    const client = new FakeClient(bus)
    client.write = (bytes) => sent.push(bytes.toString()) > 0
    bus.turn.drain()
    const { nonce } = JSON.parse(sent[0].slice(5)) as { nonce: string }
    assert.match(nonce, /^[A-Za-z0-9_-]{15}$/)
    nonces.add(nonce)
    client.connect()
    assert.equal(seen.at(-1), nonce)
  }
  assert.equal(nonces.size, 3)
})
