import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { readInto } from '../../src/server/read-into.ts'

interface Accepted {
  socket: Socket
  text: string
}

/** A server that keeps what each client sends. */
async function listen(): Promise<{ port: number; accepted: Accepted[]; close(): Promise<void> }> {
  const accepted: Accepted[] = []
  const server = createServer((socket) => {
    const one: Accepted = { socket, text: '' }
    accepted.push(one)
    readInto(socket, (buffer, end) => {
      one.text += buffer.toString('latin1', 0, end)
      buffer.fill(0, 0, end)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return {
    port: address.port,
    accepted,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isTrue(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.ok(isTrue())
}

test('what several clients send arrives whole, in order, with and without pauses', async () => {
  const server = await listen()
  const clients = [0, 1, 2].map(() => connect(server.port, '127.0.0.1'))
  await until(() => server.accepted.length === 3)
  const sent = clients.map((_, i) => String(i).repeat(300_000))
  server.accepted[1].socket.pause()
  clients.forEach((client, i) => {
    client.write(sent[i])
  })
  await until(() => server.accepted.filter(({ text }) => text.length === 300_000).length === 2)
  assert.equal(server.accepted[1].text, '')
  server.accepted[1].socket.resume()
  await until(() => server.accepted[1].text.length === 300_000)
  assert.deepEqual(new Set(server.accepted.map(({ text }) => text)), new Set(sent))
  for (const client of clients) client.destroy()
  await server.close()
})

test('the end and the loss of a connection are told', async () => {
  const server = await listen()
  const polite = connect(server.port, '127.0.0.1')
  await until(() => server.accepted.length === 1)
  let ends = 0
  let closes = 0
  server.accepted[0].socket.on('end', () => ends++)
  server.accepted[0].socket.on('close', () => closes++)
  polite.end('bye')
  await until(() => ends === 1 && closes === 1)
  assert.equal(server.accepted[0].text, 'bye')
  const rude = connect(server.port, '127.0.0.1')
  await until(() => server.accepted.length === 2)
  server.accepted[1].socket.on('close', () => closes++)
  server.accepted[1].socket.on('error', () => {})
  rude.resetAndDestroy()
  await until(() => closes === 2)
  await server.close()
})
