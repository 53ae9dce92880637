import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Message, type Origin } from '../../src/core/index.ts'
import { fakeBus } from './fakes.ts'

const HEADERS = 'NATS/1.0\r\nA: b\r\n\r\n'

test('messages reach literal, * and > subscriptions as they were sent', () => {
  const { client } = fakeBus()
  const a = client()
  const b = client()
  a.say('SUB foo.bar 1\r\nSUB foo.* 2\r\nSUB foo.> 3\r\nSUB foo 4\r\n')
  b.say('PUB foo.bar re.ply 5\r\nhello\r\n')
  const got = a.take().split(/(?<=hello\r\n)/)
  assert.deepEqual(
    got.sort(),
    [1, 2, 3].map((sid) => `MSG foo.bar ${sid} re.ply 5\r\nhello\r\n`),
  )
  assert.equal(b.take(), '')
})

test('headers are passed byte for byte, and left out for clients without them', () => {
  const { client } = fakeBus()
  const modern = client()
  const old = client({ headers: false, no_responders: false })
  modern.say('SUB foo 1\r\n')
  old.say('SUB foo 2\r\n')
  const length = HEADERS.length
  assert.equal(
    modern.say(`HPUB foo r ${length} ${length + 2}\r\n${HEADERS}hi\r\n`),
    `HMSG foo 1 r ${length} ${length + 2}\r\n${HEADERS}hi\r\n`,
  )
  assert.equal(old.take(), 'MSG foo 2 r 2\r\nhi\r\n')
  assert.equal(old.session.outBytes, 2)
  assert.equal(modern.session.outBytes, length + 2)
})

test('one member of a queue group gets each message, all of them their share', () => {
  const { bus, client } = fakeBus()
  const members = [client(), client(), client(), client()]
  for (const member of members) member.say('SUB foo q 1\r\n')
  const other = client()
  other.say('SUB foo r 1\r\nSUB foo 2\r\n')
  const publisher = client()
  for (let i = 0; i < 4000; i++) publisher.protocol.receive(Buffer.from('PUB foo 1\r\nx\r\n'))
  bus.turn.drain()
  const shares = members.map((member) => member.session.outMessages)
  assert.equal(
    shares.reduce((sum, share) => sum + share, 0),
    4000,
  )
  for (const share of shares) assert.ok(share > 850 && share < 1150, `shares ${shares}`)
  assert.equal(other.session.outMessages, 8000)
})

test('a queue member that can not take a message is passed over', () => {
  const { client } = fakeBus()
  const publisher = client({ echo: false })
  const member = client()
  publisher.say('SUB foo q 1\r\n')
  member.say('SUB foo q 1\r\n')
  for (let i = 0; i < 100; i++) publisher.say('PUB foo 1\r\nx\r\n')
  assert.equal(member.session.outMessages, 100)
})

test('echo off: one does not hear oneself', () => {
  const { client } = fakeBus()
  const quiet = client({ echo: false })
  const other = client()
  other.say('SUB foo 1\r\n')
  assert.equal(quiet.say('SUB foo 1\r\nPUB foo 1\r\nx\r\n'), '')
  assert.equal(other.take(), 'MSG foo 1 1\r\nx\r\n')
})

test('UNSUB with a maximum ends the subscription after that many messages', () => {
  const { client, bus } = fakeBus()
  const one = client()
  const publish = 'PUB foo 1\r\nx\r\n'
  assert.equal(one.say(`SUB foo 1\r\nUNSUB 1 2\r\n${publish.repeat(4)}`), 'MSG foo 1 1\r\nx\r\n'.repeat(2))
  assert.equal(one.session.subscriptions.size, 0)
  assert.equal(bus.subscriptions, 0)
  assert.equal(
    one.say(`SUB foo 2\r\n${publish.repeat(3)}UNSUB 2 3\r\n${publish}`),
    'MSG foo 2 1\r\nx\r\n'.repeat(3),
  )
  assert.equal(bus.account('$G').interest.size, 0)
})

test('a request nobody listens to is answered with 503 at once', () => {
  const { client } = fakeBus()
  const one = client()
  const status = 'NATS/1.0 503\r\nNats-Subject: svc\r\n\r\n'
  assert.equal(
    one.say('SUB _I.* 9\r\nPUB svc _I.1 2\r\nhi\r\n'),
    `HMSG _I.1 9 ${status.length} ${status.length}\r\n${status}\r\n`,
  )
  assert.equal(one.say('PUB svc 2\r\nhi\r\nPUB svc other 2\r\nhi\r\n'), '')
  const old = client({ headers: false, no_responders: false })
  assert.equal(old.say('SUB _I.* 9\r\nPUB svc _I.1 2\r\nhi\r\n'), '')
  // Its own subscription does not count with echo off.
  const quiet = client({ echo: false })
  assert.match(quiet.say('SUB svc 1\r\nSUB r 2\r\nPUB svc r 1\r\na\r\n'), /^HMSG r 2 /)
})

test('handlers in the server are subscribers like any other', () => {
  const { bus, client } = fakeBus()
  const account = bus.account('$G')
  const seen: string[] = []
  const handler = {
    onMessage(message: Message, origin: Origin | null): void {
      const subject = message.subject.toString('latin1', message.subjectStart, message.subjectEnd)
      seen.push(
        `${subject} ${message.body.toString('latin1', message.bodyStart, message.bodyEnd)} ${origin?.id}`,
      )
      // Publishing while being called is allowed, with another message.
      account.publishText('answer', 'a', '', '')
    },
  }
  const subscription = account.subscribe('ask.*', handler, 'q')
  assert.equal(account.hasInterest('ask.x'), true)
  const one = client()
  assert.equal(one.say('SUB answer 1\r\nPUB ask.x 2\r\nhi\r\n'), 'MSG answer 1 1\r\na\r\n')
  assert.deepEqual(seen, [`ask.x hi ${one.session.id}`])
  subscription.unsubscribe()
  subscription.unsubscribe()
  assert.equal(account.hasInterest('ask.x'), false)
  assert.equal(account.publishText('ask.x', 'hi'), 0)
  assert.equal(account.publishText('answer', 'hi', 'r', 'NATS/1.0\r\n\r\n'), 1)
  assert.equal(one.take(), 'HMSG answer 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n')
})

test('a target follows interest as it comes and goes, and keeps the subject of the message', () => {
  const { bus, client } = fakeBus()
  const account = bus.account('$G')
  const target = account.target('deliver.x')
  const one = client()
  let changes = 0
  const remove = account.onInterestChange(() => changes++)
  const message = new Message(Buffer.from('orders.1'))
  message.subjectEnd = 8
  message.body = Buffer.from('hi')
  message.bodyEnd = 2
  assert.equal(target.deliver(message), 0)
  one.say('SUB deliver.* 1\r\nSUB other 2\r\n')
  assert.equal(changes, 1)
  assert.equal(target.hasInterest(), true)
  assert.equal(target.deliver(message), 1)
  assert.ok(target.pendingBytes() > 0)
  assert.equal(one.take(), 'MSG orders.1 1 2\r\nhi\r\n')
  assert.equal(target.pendingBytes(), 0)
  one.say('UNSUB 1\r\n')
  assert.equal(target.hasInterest(), false)
  remove()
  one.say('UNSUB 2\r\n')
  assert.equal(changes, 2)
})

test('what a turn brings goes out in one write', () => {
  const { bus, client } = fakeBus()
  const one = client()
  one.say('SUB foo 1\r\n')
  const publisher = client()
  const before = one.writes
  for (let i = 0; i < 400; i++)
    publisher.protocol.receive(Buffer.from(`PUB foo 128\r\n${'x'.repeat(128)}\r\n`))
  bus.turn.drain()
  assert.equal(one.writes, before + 1)
})

test('traffic is counted by connection, account and server, also of those that are gone', () => {
  const { bus, client } = fakeBus()
  const a = client()
  const b = client()
  b.say('SUB foo 1\r\nSUB > 2\r\n')
  a.say('PUB foo 5\r\nhello\r\nPUB nobody.x 1\r\nx\r\n')
  assert.deepEqual([a.session.inMessages, a.session.inBytes], [2, 6])
  assert.deepEqual([b.session.outMessages, b.session.outBytes], [3, 11])
  assert.equal([...b.session.subscriptions.values()][0].delivered, 1)
  assert.equal(bus.subscriptions, 2)
  b.session.close('Client Closed')
  assert.deepEqual([bus.inMessages, bus.inBytes, bus.outMessages, bus.outBytes], [2, 6, 3, 11])
  assert.equal(bus.account('$G').traffic().outMessages, 3)
  assert.equal(bus.subscriptions, 0)
})
