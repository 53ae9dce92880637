/** An app connects to a nats-server with TLS, by user and password, and with credentials of a `.creds` file. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { App, type ContrailError, type RemoteOptions } from '../../src/app/index.ts'
import { MemoryLog } from '../app/support.ts'
import { PeerServer, root } from './servers.ts'

const certificates = join(root, 'test', 'peers', 'certificates')
const caFile = join(certificates, 'ca.pem')

async function roundTrip(options: RemoteOptions): Promise<unknown> {
  const app = new App({ ...options, connectTimeout: '3s' }, { log: new MemoryLog() })
  const orders = app.stream('ORDERS')
  app.subscribe('echo', (data) => data)
  await app.start()
  try {
    await orders.publish('orders.a', 1)
    return await app.request('echo', 'hello')
  } finally {
    await app.stop()
  }
}

test('an app connects over TLS, with user and password, and not without what the server asks for', async (t) => {
  const server = await new PeerServer('nats-server', {
    config: `
      jetstream: enabled
      authorization { user: ann, password: secret }
      tls {
        cert_file: ${JSON.stringify(join(certificates, 'server.pem'))}
        key_file: ${JSON.stringify(join(certificates, 'server.key'))}
      }`,
  }).start()
  t.after(() => server.dispose())
  const servers = server.url
  assert.equal(await roundTrip({ servers, user: 'ann', password: 'secret', tls: { caFile } }), 'hello')
  const refused: [RemoteOptions, string][] = [
    [{ servers, user: 'ann', password: 'wrong', tls: { caFile } }, 'NOT_AUTHORIZED'],
    [{ servers, tls: { caFile } }, 'NOT_AUTHORIZED'],
    [{ servers, user: 'ann', password: 'secret', tls: true }, 'CANNOT_CONNECT'],
  ]
  for (const [options, code] of refused) {
    await assert.rejects(roundTrip(options), (error: ContrailError) => error.code === code)
  }
})

test('a credentials file that is not there is told before anything is tried', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-creds-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'bad.creds'), 'nothing of the kind')
  for (const name of ['missing.creds', 'bad.creds']) {
    await assert.rejects(
      roundTrip({ servers: 'nats://127.0.0.1:1', credentials: join(folder, name) }),
      (error: ContrailError) => error.code === 'CANNOT_CONNECT',
    )
  }
})
