import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Server as ClientServer, ConnectionOptions } from '@nats-io/nats-core'
import { Bus, type Message, type Session } from '../../src/core/index.ts'
import { realClock } from '../../src/ports/real-clock.ts'
import { Admission } from '../../src/server/admission.ts'
import { Guard } from '../../src/server/guard.ts'
import { InProcessTransport } from '../../src/server/in-process-transport.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

async function connected(): Promise<{ bus: Bus; transport: InProcessTransport; connection: Session }> {
  const bus = new Bus({ clock: realClock })
  const transport = new InProcessTransport({
    bus,
    admission: new Admission(bus, { isOn: false, maxMessage: 0, headersOnly: false, withSystem: false }),
    guard: new Guard(),
    checkOptions: () => {},
  })
  await transport.connect({} as ClientServer, {} as ConnectionOptions)
  transport.send(Buffer.from('CONNECT {"verbose":false}\r\n'))
  return { bus, transport, connection: [...bus.connections.values()][0] }
}

test('what is sent while the server takes nothing waits, and comes in order', async () => {
  const { bus, transport } = await connected()
  const heard: string[] = []
  const onMessage = (message: Message) => {
    heard.push(message.body.toString('latin1', message.bodyStart, message.bodyEnd))
    // Enough after every message: the next has to wait again.
    bus.pauseReading()
  }
  bus.account('$G').subscribe('x', { onMessage })
  bus.pauseReading()
  for (let i = 0; i < 5; i++) transport.send(Buffer.from(`PUB x 1\r\n${i}\r\n`))
  await turn()
  assert.deepEqual(heard, [])
  for (let i = 0; i < 5; i++) {
    bus.resumeReading()
    await turn()
    assert.equal(heard.length, i + 1)
  }
  assert.deepEqual(heard, ['0', '1', '2', '3', '4'])
  await transport.close()
})

test('above the high water mark the server keeps its buffer until the client has read', async () => {
  const { bus, transport, connection } = await connected()
  transport.send(Buffer.from('SUB x 1\r\n'))
  const body = 'z'.repeat(100_000)
  for (let i = 0; i < 10; i++) bus.account('$G').publishText('x', body)
  await turn()
  await turn()
  assert.ok(connection.pendingBytes > 500_000, 'most of it waits at the server')
  let read = 0
  for await (const chunk of transport) {
    read += chunk.length
    if (read > 1_000_000) break
  }
  assert.equal(connection.pendingBytes, 0)
  await transport.close()
  bus.close()
})

test('what was sent before a close is read, what comes after is not', async () => {
  const { bus, transport } = await connected()
  let count = 0
  bus.account('$G').subscribe('x', { onMessage: () => void count++ })
  bus.pauseReading()
  transport.send(Buffer.from('PUB x 0\r\n\r\n'))
  await transport.close()
  transport.send(Buffer.from('PUB x 0\r\n\r\n'))
  await turn()
  assert.equal(count, 1)
  assert.equal(transport.isClosed, true)
  assert.equal(bus.connections.size, 0)
})
