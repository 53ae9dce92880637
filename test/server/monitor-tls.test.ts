import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { Server } from '../../src/server/index.ts'
import { start } from './support.ts'

const folder = join(import.meta.dirname, '..', '..', '..', 'test', 'server', 'certificates')
const file = (name: string): string => join(folder, name)
const ca = readFileSync(file('ca.pem'))
const tls = { cert: file('server.pem'), key: file('server.key') }

/** Status, and which certificate was shown. */
function ask(url: string, ca: Buffer): Promise<{ status: number; text: string; serial: string }> {
  return new Promise((resolve, reject) => {
    const options = { ca, servername: 'localhost', agent: false as const }
    get(url, options, (response) => {
      const { serialNumber } = (
        response.socket as unknown as { getPeerCertificate(): { serialNumber: string } }
      ).getPeerCertificate()
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, serial: serialNumber }))
    }).on('error', reject)
  })
}

test('the monitoring is served over HTTPS, without asking for certificates of clients', async (t) => {
  const server = await start(t, {
    port: 0,
    tls: { ...tls, verify: true, ca: file('ca.pem') },
    monitorTlsPort: 0,
  })
  assert.match(server.monitorUrl as string, /^https:\/\/127\.0\.0\.1:\d+$/)
  const { status, text } = await ask(`${server.monitorUrl}/varz`, ca)
  const varz = JSON.parse(text)
  assert.deepEqual([status, varz.http_port, varz.https_port], [200, 0, server.monitorPort])
  assert.equal(server.ports().monitoring?.scheme, 'https')
})

test('a reload takes another certificate for it', async (t) => {
  const options = { port: 0, monitorTlsPort: 0 }
  const server = await start(t, { ...options, tls })
  const before = await ask(`${server.monitorUrl}/healthz`, ca)
  server.reload({ ...options, tls: { cert: file('ann.pem'), key: file('ann.key') } })
  // It is not one of a server, so that it is looked at and not trusted.
  const after = await new Promise<string>((resolve, reject) => {
    get(`${server.monitorUrl}/healthz`, { rejectUnauthorized: false, agent: false }, (response) => {
      resolve(
        (
          response.socket as unknown as { getPeerCertificate(): { serialNumber: string } }
        ).getPeerCertificate().serialNumber,
      )
      response.resume()
    }).on('error', reject)
  })
  assert.notEqual(after, before.serial)
})

test('HTTPS needs a certificate, and goes alone', async () => {
  await assert.rejects(Server.start({ monitorTlsPort: 0 }), {
    message: 'TLS cert and key required for HTTPS',
  })
  await assert.rejects(Server.start({ monitorTlsPort: 1, monitorPort: 2, tls }), {
    message: "can't specify both HTTP (2) and HTTPs (1) ports",
  })
})
