import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Logger } from '../../src/server/index.ts'
import { LineTracer } from '../../src/server/trace.ts'
import { start } from './support.ts'

const talk =
  'CONNECT {"user":"u","pass":"se\\"cret","auth_token":"t"}\r\nSUB foo 1\r\nPUB foo 5\r\nhello\r\nPUB foo r 0\r\n\r\n' +
  'HPUB foo 12 15\r\nNATS/1.0\r\n\r\nabc\r\nPING\r\n'
const lines = [
  '<<- [CONNECT {"user":"u","pass":"[REDACTED]","auth_token":"[REDACTED]"}]',
  '<<- [SUB foo 1]',
  '<<- [PUB foo 5]',
  '<<- MSG_PAYLOAD: ["hello"]',
  '<<- [PUB foo r 0]',
  '<<- [HPUB foo 12 15]',
  '<<- MSG_PAYLOAD: ["NATS/1.0\\r\\n\\r\\nabc"]',
  '<<- [PING]',
]

test('lines and payloads are told wherever the chunks are cut', () => {
  for (let size = 1; size <= talk.length; size++) {
    const told: string[] = []
    const tracer = new LineTracer('<<-', (text) => told.push(text))
    for (let at = 0; at < talk.length; at += size) tracer.feed(Buffer.from(talk.slice(at, at + size)))
    assert.deepEqual(told, lines)
  }
})

test('a server that traces tells both directions, with the connection', async (t) => {
  const told: string[] = []
  const logger: Logger = {
    log: (level, text) => {
      if (level === 'trace') told.push(text)
    },
  }
  const server = await start(t, { trace: true, logger })
  const client = await server.connect()
  client.subscribe('foo')
  client.publish('foo', 'hello')
  await client.flush()
  const text = told.join('\n')
  for (const part of [
    '<<- [SUB foo 1]',
    '<<- [PUB foo 5]',
    '->> [MSG foo 1 5]',
    '->> MSG_PAYLOAD: ["hello"]',
    '->> [PONG]',
  ]) {
    assert.ok(text.includes(part), part)
  }
  assert.match(told[0], /^127\.0\.0\.1:\d+ - cid:\d+ .*<<- \[CONNECT /)
})
