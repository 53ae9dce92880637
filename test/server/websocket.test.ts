import assert from 'node:assert/strict'
import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import { wsconnect } from '@nats-io/nats-core'
import { type ClientOptions, WebSocket } from 'ws'
import type { Server } from '../../src/server/index.ts'
import { start } from './support.ts'

// Browsers have it, and later versions of Node.
;(globalThis as { WebSocket?: unknown }).WebSocket ??= WebSocket

const folder = join(import.meta.dirname, '..', '..', '..', 'test', 'server', 'certificates')
const plain = { port: 0, noTls: true }

test('the browser client publishes, subscribes and asks', async (t) => {
  for (const compression of [false, true]) {
    const server = await start(t, { websocket: { ...plain, compression }, user: 'u', password: 'p' })
    const client = await wsconnect({ servers: server.websocketUrl as string, user: 'u', pass: 'p' })
    client.subscribe('double', { callback: (_, message) => void message.respond(message.data) })
    const large = randomBytes(900_000)
    const answer = await client.request('double', large, { timeout: 10_000 })
    assert.deepEqual(Buffer.from(answer.data), large)
    const own = await server.connect()
    const heard = new Promise((resolve) => {
      own.subscribe('x', { callback: (_, message) => resolve(message.string()) })
    })
    await own.flush()
    client.publish('x', 'from the web')
    assert.equal(await heard, 'from the web')
    await client.close()
  }
})

test('it speaks TLS, and not without unless that is said', async (t) => {
  await assert.rejects(start(t, { websocket: { port: 0 } }), /websocket requires TLS configuration/)
  const server = await start(t, {
    websocket: { port: 0, tls: { cert: join(folder, 'server.pem'), key: join(folder, 'server.key') } },
  })
  assert.match(server.websocketUrl as string, /^wss:/)
  const socket = open(server, { ca: readFileSync(join(folder, 'ca.pem')) })
  assert.match(await firstMessage(socket), /^INFO /)
  socket.terminate()
})

test('certificates that are pinned, and no others', async (t) => {
  const read = (name: string): Buffer => readFileSync(join(folder, name))
  const ca = read('ca.pem')
  const tls = {
    cert: join(folder, 'server.pem'),
    key: join(folder, 'server.key'),
    ca: join(folder, 'ca.pem'),
  }
  const key = new X509Certificate(read('ann.pem')).publicKey.export({ type: 'spki', format: 'der' })
  const pinnedCerts = [createHash('sha256').update(key).digest('hex')]
  const server = await start(t, { websocket: { port: 0, tls: { ...tls, verify: true, pinnedCerts } } })
  const as = (name: string) => open(server, { ca, cert: read(`${name}.pem`), key: read(`${name}.key`) })
  const socket = as('ann')
  assert.match(await firstMessage(socket), /^INFO /)
  socket.terminate()
  await assert.rejects(firstMessage(as('bob')), { message: '403' })
  // Users of certificates are of TCP only: to say otherwise would let them be somebody else.
  await assert.rejects(
    start(t, { websocket: { port: 0, tls: { ...tls, verifyAndMap: true } } }),
    /verify_and_map/,
  )
})

function open(server: Server, options: ClientOptions = {}, path = '/'): WebSocket {
  const socket = new WebSocket(`${server.websocketUrl}${path}`, options)
  socket.on('error', () => {})
  return socket
}

function firstMessage(socket: WebSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('message', (data) => resolve(String(data)))
    socket.once('unexpected-response', (_request, response) => reject(new Error(`${response.statusCode}`)))
    socket.once('close', (code) => reject(new Error(`closed ${code}`)))
  })
}

test('pages of other origins are refused, where that is said', async (t) => {
  const server = await start(t, {
    websocket: {
      ...plain,
      allowedOrigins: ['https://a.test', 'http://b.test:8080'],
      headers: { 'X-Own': 'yes' },
    },
  })
  for (const origin of ['https://a.test', 'http://b.test:8080']) {
    const socket = open(server, { origin })
    const header = new Promise((resolve) =>
      socket.once('upgrade', ({ headers }) => resolve(headers['x-own'])),
    )
    assert.match(await firstMessage(socket), /^INFO /)
    assert.equal(await header, 'yes')
    socket.terminate()
  }
  for (const origin of ['http://a.test', 'https://a.test:8443', 'http://b.test', 'nonsense', 'null']) {
    await assert.rejects(firstMessage(open(server, { origin })), { message: '403' }, origin)
  }
  const same = await start(t, { websocket: { ...plain, sameOrigin: true } })
  const own = (same.websocketUrl as string).replace('ws:', 'http:')
  const socket = open(same, { origin: own })
  assert.match(await firstMessage(socket), /^INFO /)
  socket.terminate()
  await assert.rejects(firstMessage(open(same, { origin: 'http://elsewhere.test' })), { message: '403' })
})

test('paths of other listeners are an error of HTTP, and so is what asks for no upgrade', async (t) => {
  const server = await start(t, { websocket: plain })
  for (const path of ['/mqtt', '/leafnode']) {
    await assert.rejects(firstMessage(open(server, {}, path)), { message: '404' })
  }
  const { status } = await fetch((server.websocketUrl as string).replace('ws:', 'http:'))
  assert.equal(status, 400)
})

/** An upgraded connection, raw; resolves to the bytes that came until the server closed, or `stopMs` passed. */
function rawly(
  server: Server,
  send: Buffer[],
  extensions = '',
  stopMs = 3000,
): Promise<{ isClosed: boolean }> {
  return new Promise((resolve) => {
    const socket = connectSocket(server.websocketPort as number, '127.0.0.1')
    const timer = setTimeout(() => end(false), stopMs)
    const end = (isClosed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ isClosed })
    }
    socket.on('error', () => {})
    socket.on('close', () => end(true))
    socket.once('data', () => {
      for (const bytes of send) socket.write(bytes)
    })
    socket.write(
      `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n${extensions}\r\n`,
    )
  })
}

function frame(first: number, payload: Buffer, declared = BigInt(payload.length), isMasked = true): Buffer {
  const head = Buffer.alloc(10)
  head[0] = first
  head[1] = (isMasked ? 0x80 : 0) | 127
  head.writeBigUInt64BE(declared, 2)
  // A mask of zeros changes nothing.
  return Buffer.concat([head, isMasked ? Buffer.alloc(4) : Buffer.alloc(0), payload])
}

test('frames that are too large, unmasked, or swell when unpacked end the connection and nothing else', async (t) => {
  const server = await start(t, { websocket: { ...plain, compression: true } })
  const deflate = 'Sec-WebSocket-Extensions: permessage-deflate\r\n'
  const bomb = deflateRawSync(Buffer.alloc(200_000_000))
  const connectLine = Buffer.from('CONNECT {}\r\n')
  const before = process.memoryUsage().rss
  for (const [what, bytes, extensions] of [
    ['unmasked', frame(0x82, connectLine, undefined, false), ''],
    ['of 2^62 bytes', frame(0x82, connectLine, 2n ** 62n), ''],
    ['of 2^63 bytes', frame(0x82, connectLine, 2n ** 63n), ''],
    ['larger than a message may be', frame(0x82, Buffer.alloc(0), 3_000_000n), ''],
    ['with a reserved bit', frame(0xe2, connectLine), ''],
    ['packed', frame(0xc2, bomb), deflate],
  ] as const) {
    assert.ok((await rawly(server, [bytes], extensions)).isClosed, what)
  }
  assert.ok(process.memoryUsage().rss - before < 150_000_000, 'memory is bounded')
  const socket = open(server)
  assert.match(await firstMessage(socket), /^INFO /)
  socket.terminate()
})

test('who never ends its upgrade is dropped', async (t) => {
  const server = await start(t, { websocket: { ...plain, handshakeTimeout: 200 } })
  const socket = connectSocket(server.websocketPort as number, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n')
  await new Promise((resolve) => socket.once('close', resolve))
})
