import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect as connectSocket, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { Server } from '../../src/server/index.ts'
import { readProxyHeader } from '../../src/server/proxy-header.ts'
import { start } from './support.ts'

const folder = join(import.meta.dirname, '..', '..', '..', 'test', 'server', 'certificates')
const certificate = { cert: join(folder, 'server.pem'), key: join(folder, 'server.key') }
const ca = readFileSync(join(folder, 'ca.pem'))
const LINE = 'PROXY TCP4 10.1.2.3 10.0.0.1 5555 4222\r\n'
const IPV4 = Buffer.from([10, 1, 2, 3, 127, 0, 0, 1, 0x15, 0xb3, 0x10, 0x7e])
const IPV6 = Buffer.from(`20010db8${'0'.repeat(23)}1${'0'.repeat(31)}115b3107e`, 'hex')

function version2(command: number, family: number, data: Buffer): Buffer {
  const head = Buffer.from([command, family, data.length >> 8, data.length & 255])
  return Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'), head, data])
}

const good: Readonly<Record<string, [Buffer, string | null]>> = {
  line: [Buffer.from(LINE), '10.1.2.3'],
  'line of IPv6': [Buffer.from('PROXY TCP6 2001:DB8:0:0::1 ::1 5555 1\r\n'), '2001:db8::1'],
  'IPv4 written as IPv6': [Buffer.from('PROXY TCP6 ::ffff:10.1.2.3 ::1 5555 1\r\n'), '10.1.2.3'],
  'nobody behind it': [Buffer.from('PROXY UNKNOWN\r\n'), null],
  bytes: [version2(0x21, 0x11, IPV4), '10.1.2.3'],
  'bytes of IPv6': [version2(0x21, 0x21, IPV6), '2001:db8::1'],
  'more behind the addresses': [
    version2(0x21, 0x11, Buffer.concat([IPV4, Buffer.alloc(60_000)])),
    '10.1.2.3',
  ],
  'the proxy itself': [version2(0x20, 0, Buffer.alloc(9)), null],
  'an unknown family': [version2(0x21, 0x01, Buffer.alloc(9)), null],
}

test('headers, cut anywhere, are waited for', () => {
  for (const [name, [bytes, host]] of Object.entries(good)) {
    for (let end = 0; end < Math.min(bytes.length, 300); end++)
      assert.equal(readProxyHeader(bytes.subarray(0, end)).kind, 'cut', `${name} up to ${end}`)
    const header = readProxyHeader(Buffer.concat([bytes, Buffer.from('CONNECT {}\r\n')]))
    assert.deepEqual(
      header,
      { kind: 'read', length: bytes.length, address: host === null ? null : { host, port: 5555 } },
      name,
    )
  }
})

const wrong: Readonly<Record<string, [string | Buffer, RegExp]>> = {
  'a line without an end': [`PROXY ${'x'.repeat(101)}`, /v1 line too long/],
  'too few parts': ['PROXY TCP4 1.2.3.4\r\n', /invalid v1 format/],
  'no address': ['PROXY TCP4 1.2.3.4.5 1.2.3.4 1 2\r\n', /invalid address/],
  'an address with a zone': ['PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n', /invalid address/],
  'the wrong family': ['PROXY TCP4 ::1 ::1 1 2\r\n', /TCP4 with IPv6 address/],
  'a large port': ['PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n', /invalid source port: .*value out of range/],
  'no port': ['PROXY TCP4 1.2.3.4 1.2.3.4 1 -2\r\n', /invalid dest port: .*invalid syntax/],
  'another protocol': ['PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n', /invalid protocol UDP4/],
  'a name of every object': ['PROXY __proto__ 1.2.3.4 1.2.3.4 1 2\r\n', /invalid protocol __proto__/],
  'another signature': [Buffer.from('\r\n\r\n\0\r\nQUIX\n', 'latin1'), /invalid signature/],
  'another version': [version2(0x31, 0x11, IPV4), /invalid version 0x30/],
  'another command': [version2(0x22, 0x11, IPV4), /unknown PROXY protocol command: 0x02/],
  datagrams: [version2(0x21, 0x12, IPV4), /only STREAM protocol supported/],
  'another family': [version2(0x21, 0x31, Buffer.alloc(216)), /unsupported address family 0x30/],
  'too short for IPv4': [version2(0x21, 0x11, IPV4.subarray(1)), /IPv4 address data too short: 11 bytes/],
  'too short for IPv6': [version2(0x21, 0x21, IPV4), /IPv6 address data too short: 12 bytes/],
}

test('headers that are none end the connection', async (t) => {
  const logged: string[] = []
  const logger = { log: (level: string, text: string) => void (level === 'warn' && logged.push(text)) }
  const server = await start(t, { port: 0, proxyProtocol: true, logger })
  for (const [name, [bytes, reason]] of Object.entries(wrong)) {
    const header = readProxyHeader(Buffer.from(bytes as string, 'latin1'))
    assert.match(header.kind === 'bad' ? header.reason : header.kind, reason, name)
    const heard = await talk(server, Buffer.concat([Buffer.from(bytes as string, 'latin1'), HELLO]))
    assert.match(heard, /^INFO [^\n]*\n$/, name)
    assert.match(logged.pop() ?? '', reason)
  }
})

const HELLO = Buffer.from('CONNECT {"verbose":false,"protocol":1}\r\nPING\r\n')

/** Sends bytes; what comes back until PONG and INFO, or the end. */
function talk(server: Server, ...pieces: readonly (string | Buffer)[]): Promise<string> {
  const socket = connectSocket(server.port as number, '127.0.0.1')
  for (const piece of pieces) socket.write(piece)
  return heardOf(socket)
}

function heardOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let heard = ''
    socket.on('data', (chunk) => {
      heard += chunk
      if (/PONG\r\nINFO .*\r\n/.test(heard)) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(heard))
  })
}

test('the address behind the proxy is the address of the client', async (t) => {
  const server = await start(t, { port: 0, monitorPort: 0, proxyProtocol: true })
  for (const [name, [bytes, host]] of Object.entries(good)) {
    const heard = await talk(server, bytes, HELLO)
    const [first, second] = [...heard.matchAll(/INFO (.*)\r\n/g)].map((match) => JSON.parse(match[1]))
    assert.equal(first.client_ip, undefined, name)
    assert.equal(second.client_ip, host ?? '127.0.0.1', name)
  }
  const socket = connectSocket(server.port as number, '127.0.0.1')
  socket.write(LINE)
  socket.write(HELLO)
  await new Promise((resolve) => socket.once('data', resolve))
  const page = await fetch(`${server.monitorUrl}/connz`)
  const { connections } = (await page.json()) as { connections: Record<string, unknown>[] }
  assert.deepEqual(
    connections.map(({ ip, port }) => ({ ip, port })),
    [{ ip: '10.1.2.3', port: 5555 }],
  )
  socket.destroy()
  // Without a proxy clients are taken as well.
  assert.match(await talk(server, HELLO), /PONG/)
  const closed = await start(t, { port: 0 })
  assert.match(await talk(closed, LINE, HELLO), /-ERR 'Unknown Protocol Operation'/)
})

test('TLS begins behind what the proxy says, after INFO or first', async (t) => {
  for (const handshakeFirst of [false, true]) {
    const server = await start(t, { port: 0, proxyProtocol: true, tls: { ...certificate, handshakeFirst } })
    const socket = connectSocket(server.port as number, '127.0.0.1')
    if (!handshakeFirst) await new Promise((resolve) => socket.once('data', resolve))
    socket.write(LINE)
    const secure = connectTls({ socket, ca, servername: 'localhost' })
    secure.write(HELLO)
    assert.match(await heardOf(secure), /PONG\r\nINFO .*"client_ip":"10.1.2.3"/)
  }
})

test('who says it slowly has no more time than others', async (t) => {
  const server = await start(t, { port: 0, proxyProtocol: true, user: 'u', password: 'p', authTimeout: 200 })
  assert.match(await talk(server, LINE.slice(0, 20)), /-ERR 'Authentication Timeout'/)
})
