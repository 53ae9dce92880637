import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PARKING_LIMITS, Parking } from '../../src/jetstream/publish/parking.ts'
import { Message } from '../../src/wire/index.ts'
import { errorOf, House, type Json, tick } from './house.ts'

/** Small ones. */
const LIMITS = { messages: 100, bytes: 100_000 }

function messageOf(body: string, size = 0): Message {
  const message = new Message(Buffer.from('s'))
  message.subjectEnd = 1
  message.reply = Buffer.from(`reply.${body}`)
  message.replyEnd = message.reply.length
  message.body = Buffer.alloc(Math.max(size, body.length))
  message.body.write(body)
  message.bodyEnd = message.body.length
  return message
}

function textOf({ body, bodyStart, bodyEnd }: Message): string {
  return body.toString('latin1', bodyStart, bodyEnd)
}

/** A stream that holds messages of one letter for as long as nobody has read for them. */
class Reader {
  readonly taken: string[] = []
  readonly faults: unknown[] = []
  readonly reads: Array<{ done: () => void; failed: () => void }> = []
  readonly parking = new Parking(
    (message) => this.take(message),
    (error) => this.faults.push(error),
    LIMITS,
  )
  private readonly known = new Set<string>()

  publish(message: Message): boolean {
    if (this.parking.isOccupied) return this.parking.add(message)
    this.take(message)
    return true
  }

  private take(message: Message): void {
    const text = textOf(message)
    if (text.startsWith('throw')) throw new Error(text)
    if (!text.startsWith('read') || this.known.has(text)) {
      this.taken.push(text)
      return
    }
    const reading = new Promise<void>((resolve, reject) =>
      this.reads.push({ done: resolve, failed: () => reject(new Error('no disk')) }),
    )
    this.known.add(text)
    this.parking.hold(message, reading)
  }
}

test('messages keep their order while one of them waits, and go on behind it', async () => {
  const reader = new Reader()
  for (const body of ['a', 'read 1', 'b', 'c', 'read 2', 'd']) reader.publish(messageOf(body))
  assert.deepEqual(reader.taken, ['a'])
  assert.equal(reader.parking.size, 4)
  reader.reads[0].done()
  await tick()
  assert.deepEqual(reader.taken, ['a', 'read 1', 'b', 'c'])
  assert.ok(reader.parking.isOccupied)
  reader.publish(messageOf('e'))
  reader.reads[1].done()
  await tick()
  assert.deepEqual(reader.taken, ['a', 'read 1', 'b', 'c', 'read 2', 'd', 'e'])
  assert.ok(!reader.parking.isOccupied)
})

test('a message that waits has bytes of its own, its reply subject with them', async () => {
  const seen: string[] = []
  const parking = new Parking(
    (message) => seen.push(`${textOf(message)} ${message.reply.toString('latin1', 0, message.replyEnd)}`),
    (error) => assert.fail(String(error)),
  )
  const first = messageOf('one')
  const second = messageOf('two')
  parking.hold(first, Promise.resolve())
  parking.add(second)
  for (const message of [first, second]) {
    message.body.fill('x')
    message.reply.fill('x')
  }
  await tick()
  assert.deepEqual(seen, ['one reply.one', 'two reply.two'])
})

test('a read that fails lets its message be taken again, and the others behind it', async () => {
  const reader = new Reader()
  for (const body of ['read 1', 'b']) reader.publish(messageOf(body))
  reader.reads[0].failed()
  await tick()
  assert.deepEqual(reader.taken, ['read 1', 'b'])
  assert.deepEqual(reader.faults, [])
})

test('what is thrown while waiting messages are taken is told, and those behind go on', async () => {
  const reader = new Reader()
  for (const body of ['read 1', 'throw', 'a', 'read 2', 'b']) reader.publish(messageOf(body))
  reader.reads[0].done()
  await tick()
  assert.equal((reader.faults[0] as Error).message, 'throw')
  assert.deepEqual(reader.taken, ['read 1', 'a'])
  reader.reads[1].done()
  await tick()
  assert.deepEqual(reader.taken, ['read 1', 'a', 'read 2', 'b'])
  assert.ok(!reader.parking.isOccupied)
})

test('many that wait are taken in slices, in their order, and others have their turn', async () => {
  const taken: string[] = []
  const parking = new Parking(
    (message) => {
      taken.push(textOf(message))
      const endMs = performance.now() + 0.05
      while (performance.now() < endMs);
    },
    (error) => assert.fail(String(error)),
  )
  const bodies = Array.from({ length: 600 }, (_, i) => `m${i}`)
  parking.hold(messageOf('first'), Promise.resolve())
  for (const body of bodies) parking.add(messageOf(body))
  await tick()
  assert.ok(taken.length < bodies.length, 'others have their turn')
  assert.ok(parking.isOccupied, 'what comes now has to wait')
  parking.add(messageOf('last'))
  while (parking.isOccupied) await tick()
  assert.deepEqual(taken, ['first', ...bodies, 'last'])
})

test('so many messages wait, and so many bytes, and no more', async () => {
  const many = new Reader()
  many.publish(messageOf('read 1'))
  for (let i = 0; i < LIMITS.messages; i++) assert.ok(many.publish(messageOf('m')))
  assert.equal(many.publish(messageOf('m')), false)
  many.reads[0].done()
  await tick()
  assert.equal(many.taken.length, LIMITS.messages + 1)
  assert.ok(many.publish(messageOf('m')), 'there is room again')

  const large = new Reader()
  large.publish(messageOf('read 1'))
  const part = LIMITS.bytes / 4
  for (let i = 0; i < 3; i++) assert.ok(large.publish(messageOf('m', part)))
  assert.equal(large.publish(messageOf('m', part)), false, 'subjects and replies count too')
  large.parking.close()
})

test('a closed stream takes nothing of what waited', async () => {
  const reader = new Reader()
  for (const body of ['read 1', 'b']) reader.publish(messageOf(body))
  reader.parking.close()
  reader.reads[0].done()
  await tick()
  assert.deepEqual(reader.taken, [])
})

test('while a message of one stream waits, the other streams go on; too many are refused', async () => {
  const house = await House.open()
  const config = { storage: 'memory', max_msgs: 5 }
  for (const name of ['A', 'B']) await house.stream({ name, subjects: [`${name}.>`], ...config })
  const stream = house.js.account('$G')?.streams.get('A') ?? assert.fail()
  let done = (): void => {}
  const reading = new Promise<void>((resolve) => {
    done = resolve
  })
  // As a counter does whose last value is not in memory.
  const held = messageOf('held')
  held.subject = Buffer.from('A.held')
  held.subjectEnd = held.subject.length
  stream.ingest.parking.hold(held, reading)
  const acks = house.listen('acks.*')
  for (let i = 1; i <= 3; i++) house.send('A.s', String(i), [], `acks.${i}`)
  assert.equal((await house.publish('B.s', 'x')).seq, 1)
  assert.deepEqual(acks, [])
  const part = Buffer.alloc(PARKING_LIMITS.bytes / 16)
  for (let left = 15; left > 0; left--) house.send('A.s', part)
  const [refused] = await house.ask('A.s', part)
  assert.deepEqual(errorOf(JSON.parse(refused.body)), [10167, 'too many requests'])
  done()
  await house.pass(1)
  assert.deepEqual(
    acks.map(({ subject, body }) => [subject, (JSON.parse(body) as Json).seq]),
    [
      ['acks.1', 2],
      ['acks.2', 3],
      ['acks.3', 4],
    ],
  )
})
