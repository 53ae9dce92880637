import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_LIMITS } from '../../src/core/index.ts'
import { FakeClient, fakeBus } from './fakes.ts'

test('more connections than allowed are refused, and room comes back', () => {
  const { bus, client } = fakeBus({ limits: { maxConnections: 2 } })
  const first = client()
  client()
  const third = new FakeClient(bus)
  assert.equal(third.take(), "INFO\r\n-ERR 'maximum connections exceeded'\r\n")
  assert.equal(third.session.closeReason, 'Maximum Connections Exceeded')
  first.session.close('Client Closed')
  assert.equal(client().session.isClosed, false)
})

test('more subscriptions, or tokens of one, than allowed are refused', () => {
  const { client } = fakeBus({ limits: { maxSubscriptions: 2, maxSubscriptionTokens: 3 } })
  const one = client()
  assert.equal(one.say('SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n'), "-ERR 'maximum subscriptions exceeded'\r\n")
  assert.equal(one.say('UNSUB 1\r\nSUB c 3\r\n'), '')
  one.say('UNSUB 2\r\n')
  assert.equal(
    one.say('SUB a.b.c.d 4\r\n'),
    `-ERR 'Permissions Violation for Subscription to "a.b.c.d", too many tokens'\r\n`,
  )
})

test('a client that takes nothing is cut off when too much waits for it; the others go on', () => {
  const { bus, client, log } = fakeBus({ limits: { maxPendingBytes: 100_000 } })
  const slow = client()
  const quick = client()
  const publisher = client()
  slow.say('SUB foo 1\r\n')
  quick.say('SUB foo 1\r\n')
  slow.isStuck = true
  for (let i = 0; i < 200; i++) {
    publisher.protocol.receive(Buffer.from(`PUB foo 1000\r\n${'x'.repeat(1000)}\r\n`))
    if (i % 10 === 9) bus.turn.drain()
  }
  assert.equal(slow.session.closeReason, 'Slow Consumer (Pending Bytes)')
  assert.equal(bus.slowConsumers, 1)
  assert.ok(log.some((line) => line.endsWith('Slow Consumer Detected: MaxPending of 100000 Exceeded')))
  assert.equal(quick.take().length, 200 * (1000 + 'MSG foo 1 1000\r\n\r\n'.length))
  assert.equal(publisher.session.isClosed, false)
})

test('a write that takes too long ends the connection', () => {
  const { bus, clock, client, log } = fakeBus()
  const slow = client()
  slow.isStuck = true
  slow.say('PING\r\n')
  clock.advance(9_000)
  assert.equal(slow.session.isClosed, false)
  clock.advance(2_000)
  assert.equal(slow.session.closeReason, 'Slow Consumer (Write Deadline)')
  assert.equal(bus.slowConsumers, 1)
  assert.ok(
    log.some((line) => line.includes('WriteDeadline of 10s exceeded with 1 chunks of 6 total bytes.')),
  )
})

test('a publisher waits while its receiver is far behind, but not for long', () => {
  const { bus, clock, client } = fakeBus({ limits: { maxPendingBytes: 1_000_000 } })
  const slow = client()
  slow.say('SUB foo 1\r\n')
  slow.isStuck = true
  const publisher = client()
  const chunk = Buffer.from(`PUB foo 10000\r\n${'x'.repeat(10_000)}\r\n`)
  const fill = (): void => {
    for (let i = 0; i < 30; i++) publisher.protocol.receive(chunk)
    bus.turn.drain()
  }
  fill()
  assert.equal(publisher.isPaused, true)
  slow.isStuck = false
  slow.protocol.output.sent()
  bus.turn.drain()
  assert.equal(publisher.isPaused, false, 'it goes on as soon as the receiver has caught up')
  slow.isStuck = true
  fill()
  assert.equal(publisher.isPaused, true)
  clock.advance(10)
  assert.equal(publisher.isPaused, false)
})

test('a busy transport is left alone, and gets the rest in order', () => {
  const { bus, client } = fakeBus()
  const one = client()
  one.say('SUB foo 1\r\n')
  one.isStuck = true
  const publisher = client()
  const writes = one.writes
  for (let i = 0; i < 300; i++) {
    const body = `${i} ${'x'.repeat(1000)}`
    publisher.protocol.receive(Buffer.from(`PUB foo ${body.length}\r\n${body}\r\n`))
    if (i % 7 === 0) bus.turn.drain()
  }
  assert.equal(one.writes, writes + 1)
  one.isStuck = false
  one.protocol.output.sent()
  const numbers = [...one.take().matchAll(/\n(\d+) x/g)].map((match) => Number(match[1]))
  assert.deepEqual(
    numbers,
    Array.from({ length: 300 }, (_, i) => i),
  )
  assert.equal(one.protocol.output.pendingBytes, 0)
})

test('messages larger than any buffer arrive whole', () => {
  const { client } = fakeBus()
  const one = client()
  const body = 'y'.repeat(700_000)
  assert.equal(
    one.say(`SUB foo 1\r\nPUB foo 1\r\na\r\nPUB foo ${body.length}\r\n${body}\r\nPUB foo 1\r\nb\r\n`),
    `MSG foo 1 1\r\na\r\nMSG foo 1 ${body.length}\r\n${body}\r\nMSG foo 1 1\r\nb\r\n`,
  )
})

test('the first PING measures the round trip, and silence ends in a stale connection', () => {
  const { bus, clock, client } = fakeBus()
  const one = client()
  clock.advance(3000)
  assert.equal(one.take(), 'PING\r\n')
  clock.advance(7)
  one.say('PONG\r\n')
  assert.ok(one.session.rttMs > 0 && one.session.rttMs < 3000)
  const intervalMs = DEFAULT_LIMITS.pingIntervalMs
  clock.advance(intervalMs + 1000)
  assert.equal(one.take(), 'PING\r\n')
  clock.advance(intervalMs)
  assert.equal(one.take(), 'PING\r\n')
  clock.advance(intervalMs)
  assert.equal(one.take(), "-ERR 'Stale Connection'\r\n")
  assert.equal(one.session.closeReason, 'Stale Connection')
  assert.equal(bus.staleConnections, 1)
})

test('a busy client is not pinged', () => {
  const { clock, client } = fakeBus()
  const one = client()
  clock.advance(3000)
  one.say('PONG\r\n')
  for (let i = 0; i < 10; i++) {
    clock.advance(60_000)
    assert.equal(one.say('PUB foo 1\r\nx\r\n'), '')
  }
})

test('reading stops and starts for all, and for a publisher that waits as well only when both have ended', () => {
  const { bus, client } = fakeBus()
  const one = client()
  bus.pauseReading()
  const later = client()
  assert.deepEqual([one.isPaused, later.isPaused], [true, true])
  one.session.pause()
  bus.resumeReading()
  assert.deepEqual([one.isPaused, later.isPaused], [true, false])
  one.session.resume()
  assert.equal(one.isPaused, false)
})

test('the end of the server closes every connection', () => {
  const { bus, client } = fakeBus()
  const clients = [client(), client()]
  bus.close()
  for (const one of clients) {
    assert.equal(one.isEnded, true)
    assert.equal(one.session.closeReason, 'Server Shutdown')
  }
  assert.equal(bus.connections.size, 0)
})

test('only those are paused whose messages there is no room for, until it goes on', () => {
  const { bus, client } = fakeBus()
  const [publisher, other, second] = [client(), client(), client()]
  bus.account('$G').subscribe('stored', { onMessage: () => bus.pauseSender() })
  other.say('SUB plain 1\r\n')
  publisher.say('PUB stored 1\r\nx\r\nPUB stored 1\r\nx\r\n')
  second.say('PUB plain 1\r\nx\r\n')
  assert.deepEqual([publisher.isPaused, other.isPaused, second.isPaused], [true, false, false])
  assert.equal(other.take(), 'MSG plain 1 1\r\nx\r\n')
  bus.pauseSender()
  assert.deepEqual([publisher.isPaused, other.isPaused, second.isPaused], [true, false, false])
  bus.resumeReading()
  assert.equal(publisher.isPaused, false)
})

test('a user has limits and a time of its own', () => {
  let expiresMs = 0
  const identity = { account: 'A', user: 'u', maxSubscriptions: 1, maxPayloadBytes: 3 }
  const { bus, clock } = fakeBus({
    authenticator: { isRequired: true, authenticate: () => ({ ...identity, expiresMs }) },
  })
  expiresMs = clock.now() + 4000
  const client = new FakeClient(bus)
  client.take()
  const hello = 'CONNECT {"verbose":false}\r\n'
  assert.equal(client.say(`${hello}SUB a 1\r\nSUB b 2\r\n`), "-ERR 'maximum subscriptions exceeded'\r\n")
  assert.equal(client.say('PUB a 3\r\n123\r\n'), 'MSG a 1 3\r\n123\r\n')
  const large = new FakeClient(bus)
  large.take()
  assert.equal(large.say(`${hello}PUB a 4\r\n1234\r\n`), "-ERR 'Maximum Payload Violation'\r\n")
  clock.advance(3900)
  assert.equal(client.take(), 'PING\r\n')
  clock.advance(600)
  assert.equal(client.take(), "-ERR 'User Authentication Expired'\r\n")
  assert.equal(client.session.closeReason, 'Authentication Expired')
})
