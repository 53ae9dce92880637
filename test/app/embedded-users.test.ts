/** An embedded broker with a port: who else may connect, and who the app itself is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { App, type BrokerOptions, type ContrailError } from '../../src/app/index.ts'
import { until } from './support.ts'

async function running(t: { after(fn: () => Promise<void>): void }, broker: BrokerOptions): Promise<App> {
  const app = new App({ memory: true, port: 0, ...broker } as BrokerOptions, { logLevel: 'silent' })
  t.after(() => app.stop())
  app.subscribe('stock.left', () => 3)
  app.stream('ORDERS')
  await app.start()
  return app
}

async function client(
  t: { after(fn: () => Promise<void>): void },
  app: App,
  login: object,
): Promise<NatsConnection> {
  const nc = await connect({ servers: app.url as string, reconnect: false, ...login })
  t.after(() => nc.close())
  return nc
}

const VIEWER = {
  user: 'viewer',
  password: 'look',
  permissions: { publish: ['stock.>', '_INBOX.>'], subscribe: ['orders.>', '_INBOX.>'] },
}

test('others log in as users, with what they may; the app has a login of its own that nobody else can use', async (t) => {
  const app = await running(t, { users: [VIEWER, { user: 'all', password: 'may' }] })
  for (const login of [{}, { user: 'viewer', pass: 'wrong' }, { user: 'nobody', pass: 'look' }]) {
    await assert.rejects(client(t, app, login), /Authorization Violation/, JSON.stringify(login))
  }
  const viewer = await client(t, app, { user: 'viewer', pass: 'look' })
  const answer = await viewer.request('stock.left', '', { timeout: 5000 })
  assert.equal(answer.json(), 3)
  const refused: string[] = []
  void (async () => {
    for await (const { type, error } of viewer.status() as AsyncIterable<{ type: string; error?: Error }>) {
      if (type === 'error') refused.push(String(error?.message))
    }
  })()
  viewer.publish('orders.1', '{}')
  await until(() => refused.length === 1)
  assert.match(refused[0], /orders\.1/)
  // What the app does it may do, and its name can't be taken over the network.
  assert.equal((await app.publish('orders.2', 1))?.seq, 1)
  const { jsm } = app.context
  assert.equal((await jsm.getAccountInfo()).streams, 1)
  const all = await client(t, app, { user: 'all', pass: 'may' })
  assert.equal((await all.request('stock.left')).json(), 3)
})

test('the app may be one of its users, with what that one may', async (t) => {
  const users = [VIEWER, { user: 'shop', password: 'keep', permissions: { publish: { deny: ['secret.>'] } } }]
  const app = await running(t, { users, user: 'shop', password: 'keep' })
  assert.equal((await app.publish('orders.1', 1))?.seq, 1)
  const stranger = new App({ memory: true, users, user: 'shop', password: 'wrong' }, { logLevel: 'silent' })
  t.after(() => stranger.stop())
  await assert.rejects(stranger.start(), (error: ContrailError) => error.code === 'NOT_AUTHORIZED')
})

test('one user, or a token, for all', async (t) => {
  const byName = await running(t, { user: 'me', password: 'secret' })
  await assert.rejects(client(t, byName, {}), /Authorization Violation/)
  assert.equal(
    (await (await client(t, byName, { user: 'me', pass: 'secret' })).request('stock.left')).json(),
    3,
  )
  const byToken = await running(t, { token: 'secret' })
  await assert.rejects(client(t, byToken, { token: 'wrong' }), /Authorization Violation/)
  assert.equal((await (await client(t, byToken, { token: 'secret' })).request('stock.left')).json(), 3)
})

test('other options of the server are passed on; what is wrong is said at the start', async (t) => {
  const app = await running(t, { server: { maxPayload: 1000, serverTags: ['edge'] } as never })
  assert.equal((await client(t, app, {})).info?.max_payload, 1000)
  const wrong = new App({ memory: true, port: 0, users: [{ user: 'a' }] } as never, { logLevel: 'silent' })
  t.after(() => wrong.stop())
  await assert.rejects(wrong.start(), (error: ContrailError) => error.code === 'INVALID_OPTION')
})

test('with TLS on the port; the app itself needs none', async (t) => {
  const certificates = new URL('../../../test/server/certificates/', import.meta.url)
  const path = (name: string): string => fileURLToPath(new URL(name, certificates))
  const app = await running(t, {
    tls: { cert: path('server.pem'), key: path('server.key') },
    token: 'secret',
  })
  const login = { token: 'secret', tls: { caFile: path('ca.pem') } }
  const nc = await client(t, app, login)
  assert.equal(nc.info?.tls_required, true)
  assert.equal((await nc.request('stock.left')).json(), 3)
})

test('a password in a URL may have a % that stands for itself', async (t) => {
  const app = await running(t, { user: 'me', password: '50%off' })
  const url = (app.url as string).replace('//', '//me:50%off@')
  const other = new App(url, { logLevel: 'silent' })
  t.after(() => other.stop())
  await other.start()
  assert.equal(await other.request('stock.left'), 3)
})
