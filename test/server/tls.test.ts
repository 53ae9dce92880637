import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect as connectSocket, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect as connectTls, type TLSSocket, type ConnectionOptions as TlsConnectOptions } from 'node:tls'
import { connect } from '@nats-io/transport-node'
import type { Server, TlsOptions } from '../../src/server/index.ts'
import { start } from './support.ts'

const folder = join(import.meta.dirname, '..', '..', '..', 'test', 'server', 'certificates')
const file = (name: string): string => join(folder, name)
const read = (name: string): string => readFileSync(file(name), 'utf8')
const certificate: TlsOptions = { cert: file('server.pem'), key: file('server.key') }
const ca = read('ca.pem')

interface Talk {
  heard: string
  isClosed: boolean
}

/** Speaks plainly up to INFO, then TLS; `first`: TLS at once. */
async function talk(
  server: Server,
  lines: string,
  options: TlsConnectOptions & { first?: boolean; as?: string } = {},
): Promise<Talk> {
  const { first = false, as, ...rest } = options
  const socket = connectSocket(server.port as number, '127.0.0.1')
  socket.on('error', () => {})
  let heard = ''
  if (!first) heard += await nextData(socket)
  const pair = as === undefined ? {} : { cert: read(`${as}.pem`), key: read(`${as}.key`) }
  const secure = connectTls({ socket, ca, servername: 'localhost', ...pair, ...rest })
  return speak(secure, lines, heard)
}

function nextData(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (chunk) => {
      socket.pause()
      resolve(chunk.toString())
    })
    socket.once('close', () => resolve(''))
  })
}

/** Sends the lines; resolves at PONG, or when the server has closed. */
function speak(socket: Socket | TLSSocket, lines: string, before = ''): Promise<Talk> {
  return new Promise((resolve) => {
    let heard = before
    socket.on('data', (chunk) => {
      heard += chunk.toString()
      if (!heard.includes('PONG')) return
      resolve({ heard, isClosed: false })
      socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve({ heard, isClosed: true }))
    socket.write(lines)
  })
}

const hello = (fields: Record<string, unknown> = {}): string =>
  `CONNECT ${JSON.stringify({ verbose: false, ...fields })}\r\nPING\r\n`

test('INFO comes plainly and asks for TLS, everything else is within', async (t) => {
  const server = await start(t, { port: 0, tls: certificate })
  const { heard } = await talk(server, `${hello()}SUB a 1\r\nPUB a 2\r\nhi\r\n`)
  assert.match(heard, /^INFO .*"tls_required":true.*PONG/s)
  const client = await connect({ port: server.port as number, tls: { ca } })
  const answer = new Promise((resolve) => {
    client.subscribe('big', { callback: (_, message) => resolve(message.data.length) })
  })
  client.publish('big', new Uint8Array(1_000_000))
  assert.equal(await answer, 1_000_000)
  await client.close()
})

test('who speaks plainly is closed, and the server goes on', async (t) => {
  const server = await start(t, { port: 0, tls: certificate })
  const socket = connectSocket(server.port as number, '127.0.0.1')
  const { heard, isClosed } = await speak(socket, hello())
  assert.ok(isClosed)
  assert.equal(heard.includes('PONG'), false)
  assert.match((await talk(server, hello())).heard, /PONG/)
})

test('with allow_non_tls both are taken', async (t) => {
  const server = await start(t, { port: 0, tls: { ...certificate, allowNonTls: true } })
  const plain = await speak(connectSocket(server.port as number, '127.0.0.1'), hello())
  assert.match(plain.heard, /"tls_available":true.*PONG/s)
  assert.match((await talk(server, hello())).heard, /PONG/)
})

test('TLS may come first, or when nothing else has come', async (t) => {
  const first = await start(t, { port: 0, tls: { ...certificate, handshakeFirst: true } })
  assert.match((await talk(first, hello(), { first: true })).heard, /^INFO .*PONG/s)
  const either = await start(t, { port: 0, tls: { ...certificate, handshakeFirst: 100 } })
  assert.match((await talk(either, hello(), { first: true })).heard, /^INFO .*PONG/s)
  assert.match((await talk(either, hello())).heard, /^INFO .*PONG/s)
})

test('a handshake that is begun and not ended is given up', async (t) => {
  for (const handshakeFirst of [false, true]) {
    const server = await start(t, { port: 0, tls: { ...certificate, handshakeFirst, timeout: 200 } })
    const silent = connectSocket(server.port as number, '127.0.0.1')
    silent.on('error', () => {})
    silent.resume()
    silent.write(Buffer.from([22, 3, 1]))
    await new Promise((resolve) => silent.once('close', resolve))
    assert.match((await talk(server, hello(), { first: handshakeFirst })).heard, /PONG/)
  }
})

test('certificates of clients are checked: of the right authority, and not expired', async (t) => {
  const server = await start(t, { port: 0, tls: { ...certificate, ca, verify: true } })
  assert.match((await talk(server, hello(), { as: 'ann' })).heard, /"tls_verify":true.*PONG/s)
  for (const as of [undefined, 'stranger', 'expired']) {
    const { heard, isClosed } = await talk(server, hello(), { ...(as === undefined ? {} : { as }) })
    assert.ok(isClosed && !heard.includes('PONG'), `${as}`)
  }
})

test('with verify_and_map the certificate is the user', async (t) => {
  const server = await start(t, {
    port: 0,
    tls: { ...certificate, ca, verifyAndMap: true },
    users: [
      { user: 'ann@example.test', permissions: { publish: 'ann' } },
      { user: 'CN=bob,OU=dev,O=Tests', permissions: { publish: 'bob' } },
      { user: 'carol', password: 'secret' },
    ],
  })
  const tried = async (as: string, fields = {}): Promise<string> =>
    (
      await talk(
        server,
        `${hello(fields).replace('PING\r\n', '')}PUB x 0\r\n\r\nPUB ${as} 0\r\n\r\nPING\r\n`,
        { as },
      )
    ).heard
  for (const as of ['ann', 'bob']) {
    assert.deepEqual((await tried(as)).match(/Permissions Violation for Publish to "\w+"/g), [
      'Permissions Violation for Publish to "x"',
    ])
  }
  // Another user's name changes nothing.
  assert.match(await tried('bob', { user: 'carol', pass: 'secret' }), /Publish to "x"/)
  // And nobody is one of these users by the bare name, elsewhere.
  const inProcess = await start(t, { port: 0, users: [{ user: 'a', password: 'b' }] })
  await assert.rejects(connect({ port: inProcess.port as number, user: 'a', pass: '' }), /Authorization/)
})

test('certificates that are pinned, and no others', async (t) => {
  const key = new X509Certificate(read('ann.pem')).publicKey.export({ type: 'spki', format: 'der' })
  const pinnedCerts = [createHash('sha256').update(key).digest('hex')]
  const server = await start(t, { port: 0, tls: { ...certificate, ca, verify: true, pinnedCerts } })
  assert.match((await talk(server, hello(), { as: 'ann' })).heard, /PONG/)
  assert.equal((await talk(server, hello(), { as: 'bob' })).isClosed, true)
})

test('the oldest version and the ciphers are those that are said', async (t) => {
  const server = await start(t, { port: 0, tls: { ...certificate, minVersion: '1.3' } })
  assert.equal((await talk(server, hello(), { maxVersion: 'TLSv1.2' })).isClosed, true)
  assert.match((await talk(server, hello())).heard, /PONG/)
  const cipherSuites = ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384']
  const picky = await start(t, { port: 0, tls: { ...certificate, cipherSuites } })
  const at12: TlsConnectOptions = { maxVersion: 'TLSv1.2' }
  assert.match((await talk(picky, hello(), at12)).heard, /PONG/)
  const other = { ...at12, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }
  assert.equal((await talk(picky, hello(), other)).isClosed, true)
})

test('what can not be is refused at the start', async (t) => {
  for (const [tls, text] of [
    [{ cert: '', key: '' }, /missing 'cert_file' in TLS configuration/],
    [{ ...certificate, cert: '/nowhere/x.pem' }, /open \/nowhere\/x\.pem: no such file or directory/],
    [{ ...certificate, cipherSuites: ['NOPE'] }, /unrecognized cipher NOPE/],
    [{ ...certificate, curves: ['NOPE'] }, /unrecognized curve preference NOPE/],
    [{ ...certificate, pinnedCerts: ['abc'] }, /'pinned_certs' key abc/],
    [{ cert: file('server.pem'), key: file('ann.key') }, /private key does not match public key/],
  ] as const) {
    await assert.rejects(start(t, { port: 0, tls }), { message: text })
  }
})

test('who comes beyond the handshakes of a second is told so', async (t) => {
  const server = await start(t, { port: 0, tls: { ...certificate, connectionRateLimit: 2 } })
  const heard = (): Promise<string> =>
    new Promise((resolve) => {
      let text = ''
      const socket = connectSocket(server.port as number, '127.0.0.1')
      socket.on('data', (bytes) => {
        text += bytes.toString()
      })
      socket.on('close', () => resolve(text))
      setTimeout(() => socket.end(), 200)
    })
  const all = await Promise.all([heard(), heard(), heard()])
  const told = all.filter((text) =>
    /-ERR 'Connection throttling is active. Please try again later.'/.test(text),
  )
  assert.equal(told.length, 1, all.join('\n'))
})
