import assert from 'node:assert/strict'
import { test } from 'node:test'
import { App, brokerFromEnvironment, type ContrailError, type RemoteOptions } from '../../src/app/index.ts'
import { Server } from '../../src/server/index.ts'
import { MemoryLog } from './support.ts'

/** What is said, without what is not. */
function said(environment: Record<string, string>, prefix?: string): Record<string, unknown> {
  const options = Object.entries(brokerFromEnvironment(environment, prefix))
  return Object.fromEntries(options.filter(([, value]) => value !== undefined))
}

test('without a URL in the environment the broker is embedded, where and on which port the environment says', () => {
  assert.deepEqual(said({}), {})
  assert.deepEqual(said({ CONTRAIL_DIR: '/data', CONTRAIL_PORT: '4222', CONTRAIL_HOST: '0.0.0.0' }), {
    dir: '/data',
    port: 4222,
    host: '0.0.0.0',
  })
  assert.deepEqual(said({ CONTRAIL_MEMORY: '1', CONTRAIL_DIR: '/data' }), { memory: true })
  assert.deepEqual(said({ CONTRAIL_URL: '', CONTRAIL_DIR: '' }), {})
})

test('what others need who connect to an embedded broker comes from the environment too, by our names only', () => {
  const tls = { CONTRAIL_TLS_CERT_FILE: '/cert.pem', CONTRAIL_TLS_KEY_FILE: '/key.pem' }
  assert.deepEqual(said({ CONTRAIL_PORT: '4222', CONTRAIL_TOKEN: 's', ...tls }), {
    port: 4222,
    token: 's',
    tls: { cert: '/cert.pem', key: '/key.pem' },
  })
  assert.deepEqual(said({ CONTRAIL_USER: 'me', CONTRAIL_PASSWORD: 's' }), { user: 'me', password: 's' })
  assert.deepEqual(said({ NATS_USER: 'me', NATS_PASSWORD: 's', NATS_TOKEN: 't' }), {})
})

test('with a URL it is a server or a cluster, with credentials, TLS and replicas', () => {
  assert.deepEqual(
    said({
      CONTRAIL_URL: 'nats://a:4222, nats://b:4222',
      CONTRAIL_USER: 'me',
      CONTRAIL_PASSWORD: 'secret',
      CONTRAIL_TLS_CA_FILE: '/ca.pem',
      CONTRAIL_CONNECT_TIMEOUT: '2s',
      CONTRAIL_REPLICAS: '3',
    }),
    {
      servers: ['nats://a:4222', 'nats://b:4222'],
      user: 'me',
      password: 'secret',
      tls: { caFile: '/ca.pem', certFile: undefined, keyFile: undefined },
      connectTimeout: 2000,
      replicas: 3,
    },
  )
  assert.deepEqual(said({ CONTRAIL_URL: 'tls://a', CONTRAIL_TLS: '1', CONTRAIL_CREDENTIALS: '/app.creds' }), {
    servers: ['tls://a'],
    tls: true,
    credentials: '/app.creds',
  })
})

test('the names of the nats command line count too, those of Contrail first', () => {
  const environment = { NATS_URL: 'nats://a', NATS_USER: 'me', NATS_PASSWORD: 'x', NATS_CREDS: '/c' }
  assert.deepEqual(said(environment), {
    servers: ['nats://a'],
    user: 'me',
    password: 'x',
    credentials: '/c',
  })
  assert.deepEqual(said({ ...environment, CONTRAIL_URL: 'nats://b' }).servers, ['nats://b'])
})

test('a second broker has a prefix of its own, and takes nothing from the first one’s names', () => {
  const environment = { NATS_URL: 'nats://a', CONTRAIL_USER: 'me', EU_URL: 'nats://eu', EU_TOKEN: 't' }
  assert.deepEqual(said(environment, 'EU'), { servers: ['nats://eu'], token: 't' })
})

test('an empty secret is an error, in the environment and in options', async () => {
  for (const name of ['KEY', 'PREV_KEY', 'PASSWORD', 'TOKEN']) {
    for (const [variable, prefix] of [
      [`CONTRAIL_${name}`, undefined],
      [`EU_${name}`, 'EU'],
    ] as const) {
      assert.throws(
        () => brokerFromEnvironment({ [variable]: '' }, prefix),
        (error: ContrailError) =>
          error.code === 'INVALID_OPTION' && error.message.startsWith(`${variable} is empty`),
      )
    }
  }
  for (const options of [
    { memory: true, encryption: { key: '' } },
    { memory: true, encryption: { key: 'k', previousKey: '' } },
    { servers: 'nats://127.0.0.1:1', token: '' },
    { servers: 'nats://127.0.0.1:1', user: 'u', password: '' },
  ]) {
    const app = new App(options, { log: new MemoryLog() })
    await assert.rejects(app.start(), (error: ContrailError) => error.code === 'INVALID_OPTION')
  }
})

test('a number that is none is refused with the name of its variable', () => {
  for (const name of ['CONTRAIL_PORT', 'CONTRAIL_REPLICAS']) {
    assert.throws(
      () => brokerFromEnvironment({ [name]: 'three', ...(name.endsWith('S') ? { NATS_URL: 'a' } : {}) }),
      (error: ContrailError) =>
        error.code === 'INVALID_OPTION' && error.message.startsWith(`${name}: "three"`),
    )
  }
})

test('new App() takes what the environment says', async (t) => {
  const server = await Server.start({ port: 0, jetstream: false })
  t.after(() => server.stop())
  const before = process.env.CONTRAIL_URL
  t.after(() => {
    if (before === undefined) delete process.env.CONTRAIL_URL
    else process.env.CONTRAIL_URL = before
  })
  process.env.CONTRAIL_URL = server.url
  await using app = new App(undefined, { log: new MemoryLog() })
  await app.start()
  assert.equal(app.context.nc.getServer(), server.url.replace('nats://', ''))
})

test('user and password, or a token, may be in the URL, and are in no log line or error', async (t) => {
  const server = await Server.start({ port: 0, jetstream: false, user: 'me', password: 'se:cret/1' })
  t.after(() => server.stop())
  const { port } = new URL(server.url)
  const log = new MemoryLog()
  await using app = new App(`nats://me:${encodeURIComponent('se:cret/1')}@127.0.0.1:${port}`, { log })
  await app.start()
  assert.equal(app.state, 'running')
  const wrong = new App(`nats://me:wrong-one@127.0.0.1:${port}`, { log })
  await assert.rejects(wrong.start(), (error: ContrailError) => {
    assert.equal(error.code, 'NOT_AUTHORIZED')
    assert.doesNotMatch(error.message, /wrong-one/)
    return true
  })
  // Options go before the URL.
  const remote: RemoteOptions = { servers: server.url.replace('//', '//me:wrong-one@') }
  await using right = new App({ ...remote, user: 'me', password: 'se:cret/1' }, { log })
  await right.start()
  assert.doesNotMatch(JSON.stringify(log.lines), /wrong-one|cret/)
})
