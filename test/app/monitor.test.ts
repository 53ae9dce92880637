import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type ContrailError, fetchMonitor, nodeMonitor } from '../../src/app/index.ts'
import { freePort } from '../peers/servers.ts'
import { restartableServer } from './servers.ts'
import { makeApp, until } from './support.ts'

test('a monitor is there before the app is ready, and tells when it is, and when it stops', async (t) => {
  const app = makeApp(t, { name: 'shop' })
  const monitor = app.monitor({ port: 0 })
  const seen: Array<[string, number, string]> = []
  const look = async (when: string) => {
    const response = await fetch(`${monitor.url}/readyz`)
    seen.push([when, response.status, ((await response.json()) as { state: string }).state])
  }
  app.subscribe('a', () => {})
  app.onStart(() => look('at the start'))
  app.onShutdown(() => look('on shutdown'))
  app.afterShutdown(() => look('after shutdown'))
  assert.equal(monitor.url, null)
  await app.start()
  await look('running')
  const ready = await (await fetch(`${monitor.url}/readyz`)).json()
  assert.deepEqual(ready, {
    status: 'ready',
    app: 'shop',
    state: 'running',
    brokers: [{ broker: 'main', connected: true }],
    subscriptions: 1,
    inFlight: 0,
    checks: {},
  })
  const live = await fetch(`${monitor.url}/healthz`)
  assert.equal(live.status, 200)
  assert.equal(((await live.json()) as { status: string }).status, 'ok')
  const { url } = monitor
  await app.stop()
  assert.deepEqual(seen, [
    ['at the start', 503, 'starting'],
    ['running', 200, 'running'],
    ['on shutdown', 503, 'stopping'],
    ['after shutdown', 503, 'stopping'],
  ])
  await assert.rejects(fetch(`${url}/healthz`))
})

test('a monitor serves the figures for Prometheus', async (t) => {
  const app = makeApp(t)
  const monitor = app.monitor({ port: 0, paths: { metrics: '/prometheus' } })
  app.subscribe('a', () => 1)
  await app.start()
  await app.request('a')
  const response = await fetch(`${monitor.url}/prometheus?x=1`)
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  assert.match(await response.text(), /^contrail_messages_handled_total\{.*subject="a".*\} 1$/m)
  assert.equal((await fetch(`${monitor.url}/metrics`)).status, 404)
  assert.equal((await fetch(`${monitor.url}/healthz`, { method: 'POST' })).status, 405)
  const head = await fetch(`${monitor.url}/healthz`, { method: 'HEAD' })
  assert.equal(head.status, 200)
  assert.equal(await head.text(), '')
})

test('checks of the program’s own decide about readiness: what throws, says false or takes too long', async (t) => {
  const app = makeApp(t)
  const wrong = new Set(['throws', 'false', 'slow'])
  const monitor = app.monitor({
    port: 0,
    checkTimeout: '20ms',
    checks: {
      throws: () => {
        if (wrong.has('throws')) throw new Error('the database is away')
      },
      false: async () => !wrong.has('false'),
      slow: () => (wrong.has('slow') ? new Promise(() => {}) : undefined),
    },
  })
  await app.start()
  const response = await fetch(`${monitor.url}/readyz`)
  assert.equal(response.status, 503)
  const { status, checks } = (await response.json()) as { status: string; checks: unknown }
  assert.equal(status, 'not ready')
  assert.deepEqual(checks, {
    throws: 'the database is away',
    false: 'not in order',
    slow: 'no answer in 20 ms',
  })
  wrong.clear()
  assert.equal((await fetch(`${monitor.url}/readyz`)).status, 200)
})

test('a port that is taken keeps the app from starting, with a sentence that says so', async (t) => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const app = makeApp(t)
  app.monitor({ port: (server.address() as AddressInfo).port })
  await assert.rejects(app.start(), (error: ContrailError) => {
    assert.equal(error.code, 'CANNOT_LISTEN')
    assert.match(error.message, /EADDRINUSE/)
    return true
  })
  assert.equal(app.state, 'stopped')
})

test('a connection that is kept open does not hold up the stop', async (t) => {
  const app = makeApp(t)
  const monitor = app.monitor({ port: 0 })
  await app.start()
  await (await fetch(`${monitor.url}/healthz`, { headers: { connection: 'keep-alive' } })).text()
  const begun = performance.now()
  await app.stop()
  assert.ok(performance.now() - begun < 900, `${performance.now() - begun} ms`)
})

test('the endpoints can be mounted as a function of the Fetch API', async (t) => {
  const app = makeApp(t)
  const monitor = fetchMonitor(app, { paths: { ready: '/ready' } })
  const get = (path: string, method = 'GET') => monitor(new Request(`http://localhost${path}`, { method }))
  assert.equal((await get('/ready')).status, 503)
  assert.equal((await get('/healthz')).status, 200)
  await app.start()
  assert.equal((await get('/ready')).status, 200)
  assert.match(await (await get('/metrics')).text(), /contrail_broker_connected\{broker="main"\} 1/)
  assert.equal((await get('/readyz')).status, 404)
  assert.equal((await get('/ready', 'DELETE')).status, 405)
  await app.stop()
  assert.equal((await get('/healthz')).status, 503)
})

test('the endpoints can be mounted on a server of node:http, with what comes next', async (t) => {
  const app = makeApp(t)
  const monitor = nodeMonitor(app)
  const server = createServer((request, response) => {
    monitor(request, response, () => response.end('something else'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  await app.start()
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  assert.equal((await fetch(`${url}/readyz`)).status, 200)
  assert.equal(await (await fetch(`${url}/other`)).text(), 'something else')
})

test('while the connection is lost the app is alive and not ready; when it is back the reconnect is counted', async (t) => {
  const server = await restartableServer()
  const app = makeApp(t, {
    broker: { servers: server.url, connection: { reconnectTimeWait: 20 } },
    server,
  })
  const monitor = fetchMonitor(app)
  const status = async (path: string) => (await monitor(new Request(`http://localhost${path}`))).status
  await app.start()
  assert.equal(await status('/readyz'), 200)
  await server.stop()
  await until(async () => (await status('/readyz')) === 503, 'not ready')
  assert.equal(await status('/healthz'), 200)
  const text = await (await monitor(new Request('http://localhost/metrics'))).text()
  assert.match(text, /^contrail_broker_connected\{broker="main"\} 0$/m)
  await server.start()
  await until(async () => (await status('/readyz')) === 200, 'ready')
  assert.equal(app.metrics.report().brokers[0].reconnects, 1)
})

test('port and address come from the environment, and workers have ports one after the other', async (t) => {
  const port = await freePort()
  const names = ['CONTRAIL_MONITOR_PORT', 'CONTRAIL_MONITOR_HOST', 'CONTRAIL_WORKER']
  t.after(() => {
    for (const name of names) delete process.env[name]
  })
  process.env.CONTRAIL_MONITOR_PORT = String(port - 1)
  process.env.CONTRAIL_MONITOR_HOST = 'localhost'
  process.env.CONTRAIL_WORKER = '2'
  const app = makeApp(t)
  const monitor = app.monitor()
  await app.start()
  assert.equal(new URL(monitor.url ?? '').port, String(port))
  assert.ok(app.lines.some((line) => line.sentence === 'the monitor listens' && line.url === monitor.url))
  process.env.CONTRAIL_MONITOR_PORT = 'many'
  assert.throws(() => makeApp(t).monitor(), /CONTRAIL_MONITOR_PORT: "many"/)
})
