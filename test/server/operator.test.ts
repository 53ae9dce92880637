import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, jwtAuthenticator, type NatsConnection } from '@nats-io/transport-node'
import { Server, type ServerOptions } from '../../src/server/index.ts'
import {
  accountJwt,
  makeJwt,
  NO_ACCOUNT_LIMITS,
  newKey,
  operatorJwt,
  type TestKey,
  userJwt,
} from '../jwts.ts'
import { start } from './support.ts'

const operator = newKey.operator()
const system = newKey.account()
const account = newKey.account()
const user = newKey.user()
const withStreams = {
  limits: { ...NO_ACCOUNT_LIMITS, mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 },
}
const operators = [operatorJwt(operator, { system_account: system.publicKey })]
const systemJwt = accountJwt(operator, system)

function enter(server: Server, key: TestKey, by: TestKey, claims = {}): Promise<NatsConnection> {
  const authenticator = jwtAuthenticator(userJwt(by, key, claims), key.pair.getSeed())
  return connect({ servers: server.url, authenticator, reconnect: false })
}

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'contrail-operator-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

async function update(server: Server, jwt: string): Promise<Record<string, unknown>> {
  const client = await enter(server, newKey.user(), system)
  const answer = await client.request('$SYS.REQ.CLAIMS.UPDATE', jwt)
  await client.close()
  return answer.json()
}

test('accounts in a folder, changed over the network, are there after a restart, and so are their streams', async (t) => {
  const dir = folder(t)
  const options: ServerOptions = {
    port: 0,
    storeDir: join(dir, 'store'),
    operator: {
      operators,
      resolver: { type: 'full', dir: join(dir, 'jwts') },
      preload: { [system.publicKey]: systemJwt },
    },
  }
  const first = await start(t, options)
  await assert.rejects(enter(first, user, account), /Authorization Violation/)
  const answer = await update(first, accountJwt(operator, account, withStreams))
  assert.deepEqual(answer.data, { account: account.publicKey, code: 200, message: 'jwt updated' })
  assert.deepEqual(
    readdirSync(join(dir, 'jwts')).sort(),
    [account, system].map(({ publicKey }) => `${publicKey}.jwt`).sort(),
  )
  const client = await enter(first, user, account)
  await (await jetstreamManager(client)).streams.add({ name: 'S', subjects: ['s'] })
  await jetstream(client).publish('s', 'kept')
  await first.stop()

  const second = await start(t, options)
  const again = await enter(second, user, account)
  const manager = await jetstreamManager(again)
  assert.equal((await manager.streams.getMessage('S', { seq: 1 }))?.string(), 'kept')
  // JetStream is taken away, and given back.
  await update(second, accountJwt(operator, account))
  await assert.rejects(manager.streams.info('S'), /JetStream not enabled for account/)
  await update(second, accountJwt(operator, account, withStreams))
  assert.equal((await manager.streams.info('S')).state.messages, 1)
  await jetstream(again).publish('s', 'more')
  assert.equal((await manager.streams.info('S')).state.messages, 2)
})

test('accounts are asked for by HTTP, when they are needed', async (t) => {
  const jwts = new Map([
    [account.publicKey, accountJwt(operator, account)],
    [system.publicKey, systemJwt],
  ])
  const asked: string[] = []
  const http = createServer((request, response) => {
    const name = (request.url ?? '').replace('/accounts/', '')
    asked.push(name)
    const jwt = jwts.get(name)
    response.writeHead(jwt === undefined ? 404 : 200).end(jwt ?? 'x'.repeat(2_000_000))
  })
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done))
  t.after(() => http.close())
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/accounts`
  const server = await start(t, { port: 0, operator: { operators, resolver: { type: 'url', url } } })
  assert.deepEqual(asked, [system.publicKey])
  const clients = await Promise.all([1, 2, 3].map(() => enter(server, newKey.user(), account)))
  assert.deepEqual(asked, [system.publicKey, account.publicKey])
  await assert.rejects(enter(server, user, newKey.account()), /Authorization Violation/)
  await Promise.all(clients.map((client) => client.close()))
  // An answer about somebody else is no answer.
  const other = newKey.account()
  jwts.set(other.publicKey, accountJwt(operator, account))
  await assert.rejects(enter(server, user, other), /Authorization Violation/)
})

test('preloaded accounts are those of the last reload', async (t) => {
  const other = newKey.account()
  const options = (preload: Record<string, string>): ServerOptions => ({
    port: 0,
    operator: {
      operators,
      resolver: { type: 'memory' },
      preload: { [system.publicKey]: systemJwt, ...preload },
    },
  })
  const server = await start(t, options({ [account.publicKey]: accountJwt(operator, account) }))
  const client = await enter(server, user, account)
  const closed = client.closed()
  const limits = { ...NO_ACCOUNT_LIMITS, conn: 1 }
  server.reload(
    options({
      [account.publicKey]: accountJwt(operator, account, { limits }),
      [other.publicKey]: accountJwt(operator, other),
    }),
  )
  await (await enter(server, user, other)).close()
  await assert.rejects(enter(server, user, account), /maximum account active connections exceeded/)
  server.reload(options({ [other.publicKey]: accountJwt(operator, other) }))
  await closed
  await assert.rejects(enter(server, user, account), /Authorization Violation/)
  assert.throws(
    () => server.reload({ ...options({}), operator: { operators, resolver: { type: 'full', dir: 'x' } } }),
    {
      message: 'config reload not supported for operators and their resolver',
    },
  )
})

test('imports begin when who exports comes, and end with an export', async (t) => {
  const [from, to] = [newKey.account(), newKey.account()]
  const exports = [{ subject: 'a', type: 'stream' }]
  const imports = [{ subject: 'a', type: 'stream', account: from.publicKey }]
  const dir = folder(t)
  const server = await start(t, {
    port: 0,
    operator: {
      operators,
      resolver: { type: 'full', dir },
      preload: { [system.publicKey]: systemJwt, [to.publicKey]: accountJwt(operator, to, { imports }) },
    },
  })
  const client = await enter(server, user, to)
  const heard: string[] = []
  client.subscribe('a', { callback: (_, message) => void heard.push(message.string()) })
  await client.flush()
  await update(server, accountJwt(operator, from, { exports }))
  const say = async (text: string): Promise<void> => {
    const source = await enter(server, user, from)
    source.publish('a', text)
    await source.flush()
    await source.close()
    await client.flush()
  }
  // It is looked for when its account is used.
  await say('first')
  await update(server, accountJwt(operator, from, { exports: [] }))
  await say('second')
  await update(server, accountJwt(operator, from, { exports }))
  await say('third')
  assert.deepEqual(heard, ['first', 'third'])
})

test('imports in circles of accounts that know each other end', async (t) => {
  const [a, b] = [newKey.account(), newKey.account()]
  const exports = [
    { subject: 's.>', type: 'stream' },
    { subject: 'r', type: 'service' },
  ]
  const importsOf = (from: TestKey) => exports.map((each) => ({ ...each, account: from.publicKey }))
  const server = await start(t, {
    port: 0,
    operator: {
      operators,
      resolver: { type: 'memory' },
      preload: {
        [system.publicKey]: systemJwt,
        [a.publicKey]: accountJwt(operator, a, { exports, imports: importsOf(b) }),
        [b.publicKey]: accountJwt(operator, b, { exports, imports: importsOf(a) }),
      },
    },
  })
  const [inA, inB] = await Promise.all([enter(server, user, a), enter(server, user, b)])
  let heard = 0
  for (const client of [inA, inB]) {
    client.subscribe('s.>', { callback: () => void heard++ })
    await client.flush()
  }
  inA.publish('s.x')
  inA.publish('r', '', { reply: 'x' })
  await inA.flush()
  await inB.flush()
  assert.ok(heard >= 1 && heard <= 2, `heard ${heard} times`)
})

test('what does not go together is told', async () => {
  const memory = { type: 'memory' } as const
  const cases: [ServerOptions, RegExp][] = [
    [{ operator: { operators } }, /operators require an account resolver to be configured/],
    [{ operator: { operators, resolver: memory }, accounts: { A: {} } }, /operators do not allow Accounts/],
    [
      { operator: { operators, resolver: memory }, users: [{ user: 'a', password: 'b' }] },
      /do not allow users/,
    ],
    [
      { operator: { operators, resolver: memory, trustedKeys: [operator.publicKey] } },
      /conflicting options for 'TrustedKeys' and 'TrustedOperators'/,
    ],
    [{ operator: { operators, resolver: memory }, noAuthUser: 'x' }, /no_auth_user not compatible with/],
    [{ operator: { operators, resolver: memory }, systemAccount: account.publicKey }, /must be identical/],
    [{ operator: { operators: ['x'], resolver: memory } }, /expected 3 chunks/],
    [{ operator: { operators: [systemJwt], resolver: memory } }, /not operator claim/],
    [
      { operator: { operators, resolver: memory, pinnedAccounts: ['x'] } },
      /pinned account key "x" is not a valid/,
    ],
    [{ operator: { operators, resolver: memory, preload: { x: 'y' } } }, /preload account error for "x"/],
    [{ operator: { operators, resolver: memory } }, /error resolving system account/],
    [{ operator: { operators, resolver: memory, defaultSentinel: 'x' } }, /default sentinel JWT not valid/],
    [
      { operator: { operators, resolver: memory, defaultSentinel: userJwt(account, user) } },
      /default sentinel must be a bearer token/,
    ],
    [
      { operator: { operators: [operatorJwt(operator)], resolver: { type: 'full', dir: tmpdir() } } },
      /using nats based account resolver - the system account needs to be specified/,
    ],
    [
      {
        operator: {
          operators: [operatorJwt(operator, { assert_server_version: '9.0.0' })],
          resolver: memory,
        },
      },
      /expected major version 9 > server major version 2/,
    ],
    [
      {
        operator: { operators, resolver: memory },
        authCallout: { issuer: account.publicKey, users: ['x'] },
      },
      /operators do not allow authorization callouts/,
    ],
    [
      { authCallout: { issuer: 'x', users: ['x'] } },
      /Expected callout user to be a valid public account nkey/,
    ],
    [{ authCallout: { issuer: account.publicKey, users: [] } }, /require authorized users/],
    [{ authCallout: { issuer: account.publicKey, users: ['x'], xkey: 'x' } }, /valid public xkey/],
  ]
  for (const [options, message] of cases) await assert.rejects(Server.start(options), { message })
})

test('the signature of a nonce is good for no other connection', async (t) => {
  const server = await start(t, {
    port: 0,
    operator: {
      operators,
      resolver: { type: 'memory' },
      preload: { [system.publicKey]: systemJwt, [account.publicKey]: accountJwt(operator, account) },
    },
  })
  const old = (nonce?: string) => ({ jwt: userJwt(account, user), nkey: '', sig: user.sign(`${nonce}x`) })
  await assert.rejects(
    connect({ servers: server.url, authenticator: old, reconnect: false }),
    /Authorization Violation/,
  )
  const authenticator = jwtAuthenticator(userJwt(account, user), user.pair.getSeed())
  await (await server.connect({ authenticator })).close()
  await assert.rejects(server.connect(), /Authorization Violation/)
  const bearer = makeJwt(account, user.publicKey, { type: 'user', subs: -1, payload: -1, bearer_token: true })
  const shown = () => ({ jwt: bearer, nkey: '', sig: '' })
  await (await connect({ servers: server.url, authenticator: shown, reconnect: false })).close()
})

test('a bearer token is shown nowhere', async (t) => {
  const lines: string[] = []
  const server = await start(t, {
    port: 0,
    monitorPort: 0,
    trace: true,
    logger: { log: (_level, text) => void lines.push(text) },
    operator: {
      operators,
      resolver: { type: 'memory' },
      preload: { [system.publicKey]: systemJwt, [account.publicKey]: accountJwt(operator, account) },
    },
  })
  const [bearer, signed] = [userJwt(account, user, { bearer_token: true }), userJwt(account, user)]
  const sign = (nonce?: string) => user.sign(`${nonce}`)
  const show = (jwt: string) => (nonce?: string) => ({
    jwt,
    nkey: '',
    sig: jwt === bearer ? '' : sign(nonce),
  })
  const clients = await Promise.all(
    [bearer, signed].map((jwt) => connect({ servers: server.url, authenticator: show(jwt) })),
  )
  const pages = ['connz?auth=1', 'connz?subs=detail&auth=true', `accountz?acc=${account.publicKey}`, 'varz']
  const texts = await Promise.all(
    pages.map(async (page) => (await fetch(`${server.monitorUrl}/${page}`)).text()),
  )
  const all = [...texts, ...lines].join('\n')
  assert.ok(!all.includes(bearer.slice(-40)))
  // One that has to be signed for opens nothing.
  assert.ok(texts[0].includes(signed))
  assert.deepEqual(JSON.parse(texts[3]).trusted_operators_jwt, operators)
  assert.ok(!lines.join('\n').includes(signed))
  for (const client of clients) await client.close()
})
