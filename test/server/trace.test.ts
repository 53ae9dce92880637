import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '@nats-io/transport-node'
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

test('over TCP a server that traces understands the same as one that does not', async (t) => {
  const told: string[] = []
  const server = await start(t, {
    port: 0,
    trace: true,
    logger: { log: (level, text) => void (level === 'trace' && told.push(text)) },
  })
  const loud = await connect({ servers: server.url, name: 'loud' })
  const quiet = await connect({ servers: server.url, name: 'quiet', user: 'u', pass: 'hidden' })
  const heard: string[] = []
  const subscription = quiet.subscribe('foo.*', {
    callback: (_error, message) => void heard.push(message.string()),
  })
  await quiet.flush()
  // Long packets leave their bytes in the buffer that the short ones behind them are read into.
  const long = `secret of loud\r\nPUB foo.x 1\r\ny\r\n${'z'.repeat(20_000)}`
  const wanted: string[] = []
  for (let round = 0; round < 20; round++) {
    for (const [client, text] of [
      [loud, long],
      [quiet, `short ${round}`],
    ] as const) {
      client.publish('foo.bar', text)
      await client.flush()
      wanted.push(text)
    }
  }
  await quiet.flush()
  assert.deepEqual(heard, wanted)
  assert.equal(subscription.getReceived(), 40)
  const label = told.find((line) => line.includes('quiet'))?.split(' - ')[1] as string
  const ofQuiet = told.filter((line) => line.includes(`${label} `) && line.includes('<<- '))
  assert.ok(ofQuiet.length >= 43, `${ofQuiet.length}`)
  assert.deepEqual(
    ofQuiet.filter((line) => line.includes('secret of loud')),
    [],
  )
  assert.ok(!told.join().includes('hidden'))
  await Promise.all([loud.close(), quiet.close()])
})

test('of long messages the beginning is shown, or their headers alone', () => {
  for (const [settings, shown] of [
    [{ maxMessage: 3, headersOnly: false }, ['<<- MSG_PAYLOAD: ["hel..."]', '<<- MSG_PAYLOAD: ["NAT..."]']],
    [{ maxMessage: 0, headersOnly: true }, ['<<- MSG_PAYLOAD: ["NATS/1.0"]']],
  ] as const) {
    const told: string[] = []
    new LineTracer('<<-', (text) => told.push(text), settings).feed(Buffer.from(talk))
    assert.deepEqual(
      told.filter((line) => line.includes('PAYLOAD')),
      shown,
    )
  }
})

test('clients that are there are traced after a reload, and no more after the next', async (t) => {
  const told: string[] = []
  const logger: Logger = {
    log: (level, text) => {
      if (level === 'trace') told.push(text)
    },
  }
  const server = await start(t, { logger })
  const client = await server.connect()
  const say = async (word: string) => {
    client.publish('foo', word)
    await client.flush()
  }
  await say('one')
  server.reload({ trace: true })
  await say('two')
  server.reload({})
  await say('three')
  const payloads = told.filter((line) => line.includes('PAYLOAD'))
  assert.equal(payloads.length, 1)
  assert.match(payloads[0], /<<- MSG_PAYLOAD: \["two"\]$/)
  await client.close()
})
