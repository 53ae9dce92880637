/** What nats-server lets be switched off. */
import assert from 'node:assert/strict'
import { connect as connectSocket, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect } from '@nats-io/transport-node'
import { eventually } from './program.ts'
import { start } from './support.ts'

interface Talk {
  socket: Socket
  text: string
  isOver: boolean
}

function talk(t: TestContext, port: number | null, words: string): Talk {
  const socket = connectSocket(port as number, '127.0.0.1')
  t.after(() => socket.destroy())
  const found: Talk = { socket, text: '', isOver: false }
  socket.on('data', (chunk) => {
    found.text += chunk
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    found.isOver = true
  })
  socket.write(words)
  return found
}

test('without headers none are served, as with nats-server', async (t) => {
  const server = await start(t, { port: 0, headers: false })
  const hpub = 'HPUB a 12 15\r\nNATS/1.0\r\n\r\nabc\r\n'
  for (const [words, answer] of [
    [`CONNECT {"headers":true,"verbose":false}\r\n${hpub}`, ''],
    [
      'CONNECT {"headers":true,"no_responders":true,"verbose":false}\r\n',
      'no responders requires headers support',
    ],
  ] as const) {
    const client = talk(t, server.port, words)
    await eventually(
      () => client.isOver,
      () => client.text,
    )
    assert.match(client.text, /"headers":false/)
    assert.equal(/-ERR '(.*)'/.exec(client.text)?.[1] ?? '', answer)
  }
})

test('without a system account nobody is answered or told', async (t) => {
  const server = await start(t, { port: 0, noSystemAccount: true })
  const client = await connect({ servers: server.url })
  await assert.rejects(client.request('$SYS.REQ.USER.INFO'), /no responders/i)
  await client.close()
})

for (const [writeTimeout, isCutOff] of [
  ['close', true],
  ['retry', false],
] as const) {
  test(`a client that does not read is ${isCutOff ? 'cut off' : 'waited for'} with '${writeTimeout}'`, async (t) => {
    const server = await start(t, { port: 0, monitorPort: 0, writeTimeout, writeDeadline: 50 })
    const slow = talk(t, server.port, 'CONNECT {"verbose":false}\r\nSUB s 1\r\nPING\r\n')
    await eventually(
      () => slow.text.includes('PONG'),
      () => slow.text,
    )
    slow.socket.pause()
    const client = await connect({ servers: server.url })
    const body = new Uint8Array(1024 * 1024)
    const slowConsumers = async (): Promise<number> =>
      ((await (await fetch(`${server.monitorUrl}/varz`)).json()) as { slow_consumers: number }).slow_consumers
    // More than any buffer of a socket takes, and less than max_pending.
    for (let i = 0; i < 40; i++) client.publish('s', body)
    await client.flush()
    // Long after the deadline.
    for (let tries = 0; tries < (isCutOff ? 2000 : 20) && (await slowConsumers()) === 0; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(await slowConsumers(), isCutOff ? 1 : 0)
    await client.close()
  })
}

for (const stallPublishers of [true, false]) {
  test(`a publisher whose receiver is behind is ${stallPublishers ? '' : 'not '}held up`, async (t) => {
    const server = await start(t, { port: 0, stallPublishers, maxPending: 4 * 1024 * 1024, writeDeadline: 0 })
    const slow = talk(t, server.port, 'CONNECT {"verbose":false}\r\nSUB s 1\r\nPING\r\n')
    await eventually(
      () => slow.text.includes('PONG'),
      () => slow.text,
    )
    slow.socket.pause()
    let pauses = 0
    const { bus } = server as unknown as {
      bus: { connections: ReadonlyMap<number, { options: { name: string }; pause(): void }> }
    }
    const client = await connect({ servers: server.url, name: 'fast' })
    for (const session of bus.connections.values()) {
      if (session.options.name !== 'fast') continue
      const { pause } = session
      session.pause = () => {
        pauses++
        pause.call(session)
      }
    }
    // Until the receiver is cut off as too slow.
    const body = new Uint8Array(512 * 1024)
    for (let i = 0; i < 200 && !slow.isOver && bus.connections.size > 1; i++) {
      client.publish('s', body)
      await client.flush()
    }
    assert.equal(pauses > 0, stallPublishers)
    await client.close()
  })
}
