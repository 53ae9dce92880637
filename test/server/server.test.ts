import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { connect as tcpConnect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Kvm } from '@nats-io/kv'
import { connect } from '@nats-io/transport-node'
import { Server } from '../../src/server/index.ts'
import { eventually } from './program.ts'
import { start } from './support.ts'

test('a server without a port opens no socket', async (t) => {
  const server = await start(t)
  assert.equal(server.port, null)
  assert.equal(server.monitorPort, null)
  assert.throws(() => server.url, /has no port/)
  await server.stop()
})

test('port 0 and -1 take any free port, and url leads there', async (t) => {
  for (const port of [0, -1]) {
    const server = await start(t, { port, name: 'here' })
    assert.ok((server.port as number) > 0)
    const client = await connect({ servers: server.url })
    assert.equal(client.info?.server_name, 'here')
    assert.equal(client.info?.server_id, server.id)
    assert.equal(client.info?.port, server.port)
    await client.close()
    await server.stop()
  }
})

test('several servers in one process do not disturb each other', async (t) => {
  const servers = await Promise.all([1, 2, 3].map((n) => start(t, { port: 0, name: `server-${n}` })))
  const clients = await Promise.all(servers.map((server) => connect({ servers: server.url })))
  const heard: string[] = []
  for (const [i, client] of clients.entries())
    client.subscribe('news', { callback: () => void heard.push(`client-${i}`) })
  await Promise.all(clients.map((client) => client.flush()))
  clients[1].publish('news')
  await clients[1].flush()
  assert.deepEqual(heard, ['client-1'])
  await servers[0].stop()
  clients[2].publish('news')
  await clients[2].flush()
  assert.deepEqual(heard, ['client-1', 'client-2'])
  await Promise.all([...clients.map((client) => client.close()), ...servers.map((server) => server.stop())])
})

test('await using stops it at the end of the block', async () => {
  let closed: Promise<void>
  {
    await using server = await Server.start({ port: 0 })
    closed = server.closed
  }
  await closed
})

test('an AbortSignal stops it', async () => {
  const abort = new AbortController()
  const server = await Server.start({ port: 0, signal: abort.signal })
  abort.abort()
  await server.closed
  await assert.rejects(Server.start({ signal: abort.signal }), { name: 'AbortError' })
})

test('stop may be called twice, and frees the port', async () => {
  const server = await Server.start({ port: 0 })
  const { port } = server
  await Promise.all([server.stop(), server.stop()])
  const again = await Server.start({ port: port as number })
  await again.stop()
})

test('a port that is taken is a clear error, and nothing is left running', async (t) => {
  const server = await start(t, { port: 0 })
  await assert.rejects(
    start(t, { port: server.port as number, monitorPort: 0 }),
    (error: NodeJS.ErrnoException) => {
      assert.equal(error.code, 'EADDRINUSE')
      assert.match(
        error.message,
        /^Error listening on port: 127\.0\.0\.1:\d+, "listen tcp .*: bind: address already in use"$/,
      )
      return true
    },
  )
  await server.stop()
})

test('options that contradict each other are refused', async () => {
  await assert.rejects(
    Server.start({ user: 'a', password: 'b', token: 'c' }),
    /Cannot have a user\/pass and token/,
  )
  await assert.rejects(Server.start({ maxPayload: 2 ** 27 }), /cannot be higher than max_pending/)
  await assert.rejects(Server.start({ name: 'a b' }), /server name cannot contain spaces/)
  await assert.rejects(Server.start({ port: 70_000 }), /port must be between/)
})

test('an empty secret is refused, not taken for none', async () => {
  for (const [options, text] of [
    [{ token: '' }, /^token is empty: anyone could log in; leave it out/],
    [{ user: '', password: 'p' }, /^user is empty/],
    [{ user: 'u', password: '' }, /^password is empty/],
    [{ user: 'u' }, /^user "u" needs a password/],
    [{ password: 'p' }, /^a password needs a user/],
    [{ users: [] }, /^users is empty/],
    [{ users: [{ user: 'u', password: '' }] }, /^the password of user "u" is empty/],
    [{ users: [{ user: '', password: 'p' }] }, /^the name of a user is empty/],
    [{ encryption: { key: '' } }, /^the key of the encryption is empty: the store would not be encrypted/],
    [{ encryption: { key: 'k', previousKey: '' } }, /^the previous key of the encryption is empty/],
  ] as const) {
    await assert.rejects(Server.start(options), { message: text })
  }
})

test('users, a user and a token are asked for', async (t) => {
  const users = [
    { user: 'a', password: 'x' },
    { user: 'b', password: 'y' },
  ]
  for (const [options, good, bad] of [
    [{ users }, { user: 'b', pass: 'y' }, { user: 'b', pass: 'x' }],
    [{ user: 'a', password: 'x' }, { user: 'a', pass: 'x' }, {}],
    [{ token: 't' }, { token: 't' }, { token: 'u' }],
  ] as const) {
    const server = await start(t, { port: 0, ...options })
    const client = await connect({ servers: server.url, ...good })
    assert.equal(client.info?.auth_required, true)
    await client.close()
    await assert.rejects(connect({ servers: server.url, ...bad }), { name: 'AuthorizationError' })
    const own = await server.connect()
    await own.flush()
    await assert.rejects(server.connect({ user: 'nobody', pass: '' }), { name: 'AuthorizationError' })
    await server.stop()
  }
})

test('limits are kept', async (t) => {
  const server = await start(t, { port: 0, maxConnections: 1, maxPayload: 100 })
  const client = await connect({ servers: server.url })
  assert.equal(client.info?.max_payload, 100)
  const refused = await new Promise<string>((resolve) => {
    let text = ''
    const socket = tcpConnect(server.port as number, '127.0.0.1')
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('close', () => resolve(text))
  })
  assert.match(refused, /-ERR 'maximum connections exceeded'\r\n$/)
  await client.close()
  await server.stop()
})

test('starting takes less than 20 ms', async () => {
  await (await Server.start({ port: 0 })).stop()
  const begun = performance.now()
  const server = await Server.start({ port: 0 })
  const took = performance.now() - begun
  await server.stop()
  assert.ok(took < 20, `${took} ms`)
})

test('an encrypted store is there again with its key, and the server does not start without', async (t) => {
  const storeDir = mkdtempSync(join(tmpdir(), 'contrail-encrypted-'))
  t.after(() => rmSync(storeDir, { recursive: true, force: true }))
  const first = await start(t, { storeDir, encryption: { key: 'old' } })
  const kv = await new Kvm(await first.connect()).create('secrets')
  await kv.put('launch', 'code-4711')
  await first.stop()
  await assert.rejects(
    Server.start({ storeDir }),
    /Can't start JetStream: .*jetstream: encrypted; name its cipher/,
  )
  const second = await start(t, { storeDir, encryption: { key: 'new', previousKey: 'old', cipher: 'aes' } })
  const again = await new Kvm(await second.connect()).open('secrets')
  assert.equal((await again.get('launch'))?.string(), 'code-4711')
  await second.stop()
  await assert.rejects(Server.start({ storeDir, encryption: { key: 'old' } }), /does not open it/)
  for (const name of readdirSync(storeDir, { recursive: true, encoding: 'utf8' })) {
    const path = join(storeDir, name)
    if (statSync(path).isFile()) assert.ok(!/secrets|4711/.test(readFileSync(path, 'latin1')), name)
  }
})

test('a client that is closed and reads nothing does not keep its socket', async (t) => {
  const server = await start(t, { port: 0 })
  const socket = tcpConnect(server.port as number, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  const size = 1024 * 1024
  socket.write('CONNECT {"verbose":false,"pedantic":false}\r\nSUB x 1\r\n')
  for (let i = 0; i < 24; i++) socket.write(`PUB x ${size}\r\n${'x'.repeat(size)}\r\n`)
  socket.write('NONSENSE\r\n')
  // What is written to a socket that is there is taken.
  await eventually(
    () => {
      if (!socket.destroyed) socket.write('\r\n')
      return socket.destroyed
    },
    () => 'the socket is there',
  )
})
