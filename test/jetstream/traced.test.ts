import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { headers, type Msg } from '@nats-io/nats-core'
import { start } from '../server/support.ts'

test('traced messages to a stream keep their order behind one that waits, and each is told once', async (t) => {
  const server = await start(t, { jetstream: true })
  const client = await server.connect()
  const manager = await jetstreamManager(client)
  await manager.streams.add({
    name: 'N',
    subjects: ['n.*'],
    allow_msg_counter: true,
    allow_direct: true,
  } as never)
  const told: Record<string, unknown>[] = []
  const read = (message: Msg): void => {
    const { events } = message.json<{ events: Record<string, unknown>[] }>()
    told.push(events.filter(({ type }) => type === 'js')[0])
  }
  client.subscribe('t', { callback: (_, message) => read(message) })
  for (const [increment, only] of [
    ['1', ''],
    ['2', 'true'],
    ['x', ''],
    ['4', ''],
  ]) {
    const head = headers()
    head.set('Nats-Incr', increment)
    head.set('Nats-Trace-Dest', 't')
    if (only !== '') head.set('Nats-Trace-Only', only)
    client.publish('n.a', '', { headers: head })
  }
  await client.flush()
  for (let i = 0; told.length < 4 && i < 100; i++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(
    told.map(({ subject, error }) => subject ?? error),
    ['n.a', 'n.a', 'message counter increment is invalid (10171)', 'n.a'],
  )
  const { state } = await manager.streams.info('N')
  assert.equal(state.messages, 2)
  assert.equal((await manager.streams.getMessage('N', { seq: 2 }))?.json<{ val: string }>().val, '5')
})
