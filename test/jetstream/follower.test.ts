/** What follows an origin, against an API that the test plays. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Bus, type Message } from '../../src/core/index.ts'
import { apiError } from '../../src/jetstream/config/errors.ts'
import { Follower } from '../../src/jetstream/origins/follower.ts'
import type { Begin, Taker } from '../../src/jetstream/origins/taker.ts'
import { Pace } from '../../src/jetstream/stream/pace.ts'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import type { Store } from '../../src/storage/index.ts'
import { tick } from './house.ts'

interface Asked {
  subject: string
  reply: string
  headers: string
  config: Record<string, unknown>
}

/** Keeps what it is given. */
class Kept implements Taker {
  readonly source
  readonly kind = 'source'
  lastSeq = 0
  identity = ''
  readonly got: string[] = []
  /** What `take` answers instead. */
  refusal: ReturnType<Taker['take']> = null

  constructor(source: object = {}) {
    this.source = { name: 'O', ...source }
  }

  begin(): Begin {
    return { deliver_policy: 'by_start_sequence', opt_start_seq: this.lastSeq + 1 }
  }

  joined(identity: string): void {
    this.identity = identity
  }

  wasMadeAnew(): void {
    this.lastSeq = 0
    this.identity = ''
  }

  take(message: Message, seq: number): ReturnType<Taker['take']> {
    if (this.refusal !== null) return this.refusal
    this.lastSeq = seq
    this.got.push(
      `${seq} ${message.body.toString('utf8', message.bodyStart + message.headerLength, message.bodyEnd)}`,
    )
    return null
  }
}

class Origin {
  readonly clock = new SimulatedClock()
  readonly logged: string[] = []
  readonly bus = new Bus({ clock: this.clock, log: (_, line) => this.logged.push(line) })
  readonly account = this.bus.account('$G')
  readonly asked: Asked[] = []
  readonly confirmed: string[] = []
  readonly barriers: (() => void)[] = []
  readonly log = { messages: 3, bytes: 300 }
  readonly taker: Kept
  readonly follower: Follower
  overloaded = false

  constructor(source: object = {}) {
    this.taker = new Kept(source)
    const store = {
      barrier: (done: () => void) => this.barriers.push(done),
      isOverloaded: () => this.overloaded,
    }
    Object.defineProperty(store, 'overloaded', { get: () => this.overloaded })
    const on = (subject: string, take: (message: Message) => void) =>
      this.account.subscribe(subject, { onMessage: take })
    on('*.API.>', (message) => this.note(message))
    on('$JS.FC.>', (message) => this.confirmed.push(`${subjectOf(message)} ${text(message)}`))
    this.follower = new Follower(
      {
        name: 'S',
        config: { name: 'S', sources: [this.taker.source] },
        log: this.log as never,
        clock: this.clock,
        store: store as unknown as Store,
        pace: new Pace(this.clock),
        bus: this.account,
        domain: '',
        fault: (thrown) => {
          throw thrown
        },
        copy: () => null,
        needsCommit: () => {},
        positionsMoved: () => {},
      },
      this.taker,
    )
    this.follower.start()
    this.clock.advance(1)
  }

  get last(): Asked {
    return this.asked[this.asked.length - 1]
  }

  get to(): string {
    return this.last.config.deliver_subject as string
  }

  /** Answers the last request. */
  answer(body: object, headers = ''): void {
    this.account.publishText(this.last.reply, JSON.stringify(body), '', headers)
  }

  join(name = 'C', identity = 'ident'): void {
    this.answer(
      { name, config: { deliver_subject: this.to, ack_policy: 'none' }, delivered: { stream_seq: 0 } },
      `NATS/1.0\r\nNats-Stream-Identity: ${identity}\r\n\r\n`,
    )
  }

  deliver(
    seq: number,
    consumerSeq: number,
    { consumer = 'C', deliveries = 1, pending = 0, to = this.to } = {},
  ): void {
    const reply = `$JS.ACK.O.${consumer}.${deliveries}.${seq}.${consumerSeq}.1700000000000000001.${pending}`
    const message = `m${seq}`
    this.send(to, message, reply)
  }

  /** As a consumer delivers: the message has a subject of its own. */
  send(to: string, body: string, reply: string, headers = ''): void {
    this.account.publishText(to, body, reply, headers)
  }

  status(line: string, reply = ''): void {
    this.send(this.to, '', reply, `NATS/1.0 100 ${line}\r\n\r\n`)
  }

  private note(message: Message): void {
    const at = message.bodyStart + message.headerLength
    const body = message.body.toString('utf8', at, message.bodyEnd)
    this.asked.push({
      subject: subjectOf(message),
      reply: message.reply.toString('utf8', message.replyStart, message.replyEnd),
      headers: message.body.toString('utf8', message.bodyStart, at),
      config: body === '' ? {} : JSON.parse(body).config,
    })
  }
}

function subjectOf(message: Message): string {
  return message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
}

function text(message: Message): string {
  return message.body.toString('utf8', message.bodyStart, message.bodyEnd)
}

test('what comes in order is taken, and what is known or not meant is not', () => {
  const origin = new Origin()
  assert.equal(origin.last.subject, '$JS.API.CONSUMER.CREATE.O')
  assert.match(origin.last.headers, /Nats-Required-Api-Level: 5\r\nNats-Stream-Identity: \r\n/)
  origin.deliver(1, 1)
  assert.deepEqual(origin.taker.got, [], 'nobody listens before the answer')
  origin.join()
  assert.equal(origin.taker.identity, 'ident')
  origin.deliver(1, 1, { pending: 4 })
  assert.equal(origin.follower.info(origin.clock.now()).lag, 3)
  origin.deliver(5, 2)
  origin.deliver(5, 3)
  origin.deliver(7, 4, { consumer: 'ANOTHER' })
  origin.deliver(7, 4, { deliveries: 2 })
  origin.send(origin.to, 'no reply', '')
  origin.send(origin.to, 'odd', '$JS.ACK.O.C.x.y.z')
  origin.deliver(6, 4)
  assert.deepEqual(origin.taker.got, ['1 m1', '5 m5', '6 m6'])
  assert.equal(origin.asked.length, 1)
  assert.deepEqual(origin.follower.info(origin.clock.now()), { name: 'O', lag: 0, seq: 6, active: 0 })
})

test('replies with domain and account are read, too', () => {
  const origin = new Origin()
  origin.join()
  origin.send(origin.to, 'm', '$JS.ACK.hub.AcCoUnT1.O.C.1.3.1.1700000000000000001.0.random')
  assert.deepEqual(origin.taker.got, ['3 m'])
})

test('where one is missing it begins anew behind the last, and leaves the old consumer alone', () => {
  const origin = new Origin()
  origin.join()
  origin.deliver(1, 1)
  const { to } = origin
  origin.deliver(3, 3)
  assert.deepEqual(origin.taker.got, ['1 m1'])
  origin.deliver(2, 2, { to })
  assert.deepEqual(origin.taker.got, ['1 m1'])
  origin.clock.advance(1900)
  assert.equal(
    origin.asked.length,
    1,
    'not at once: a consumer is asked for no more often than every two seconds',
  )
  origin.clock.advance(200)
  assert.equal(origin.asked.length, 2)
  assert.equal(origin.last.config.opt_start_seq, 2)
  assert.notEqual(origin.to, to)
  origin.join('D')
  origin.deliver(2, 1, { consumer: 'D' })
  assert.deepEqual(origin.taker.got, ['1 m1', '2 m2'])
})

test('a heartbeat tells of what was sent and did not come', () => {
  const origin = new Origin()
  origin.join()
  origin.deliver(1, 1)
  origin.status('Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 1')
  origin.clock.advance(3000)
  assert.equal(origin.asked.length, 1)
  origin.status('Idle Heartbeat\r\nNats-Last-Consumer: 2\r\nNats-Last-Stream: 2')
  origin.clock.advance(10)
  assert.equal(origin.asked.length, 2)
})

test('what was not kept is brought again', () => {
  const origin = new Origin()
  origin.join()
  origin.deliver(1, 1)
  origin.taker.refusal = apiError('JSInsufficientResourcesErr')
  origin.deliver(2, 2)
  origin.deliver(3, 3)
  origin.taker.refusal = null
  origin.log.messages--
  origin.clock.advance(2001)
  assert.equal(origin.last.config.opt_start_seq, 2)
  origin.join()
  origin.deliver(2, 1)
  assert.deepEqual(origin.taker.got, ['1 m1', '2 m2'])
})

test('where a copy is refused the origin is asked again when there is room, else rarely', () => {
  const origin = new Origin()
  origin.join()
  origin.deliver(1, 1)
  origin.taker.refusal = apiError('JSInsufficientResourcesErr')
  origin.deliver(2, 2)
  for (let left = 100; left > 0; left--) {
    origin.clock.advance(100)
    if (origin.asked.length > 1) assert.fail('asked though nothing has changed')
  }
  for (let round = 2; round < 5; round++) {
    origin.clock.advance(30_000)
    assert.equal(origin.asked.length, round)
    origin.join()
    origin.deliver(2, 1)
  }
  assert.deepEqual(origin.logged, ['stream S can not keep messages of its source O: insufficient resources'])
  origin.taker.refusal = null
  origin.log.bytes -= 100
  origin.clock.advance(2001)
  assert.equal(origin.asked.length, 5)
  origin.join()
  origin.deliver(2, 1)
  assert.deepEqual(origin.taker.got, ['1 m1', '2 m2'])
  assert.equal(origin.follower.info(0).error, undefined)
})

test('what waits for the disk is asked for again as soon as that was read', async () => {
  const origin = new Origin()
  origin.join()
  let done = (): void => {}
  origin.taker.refusal = new Promise<void>((resolve) => {
    done = resolve
  })
  origin.deliver(1, 1)
  origin.taker.refusal = null
  origin.deliver(1, 1)
  assert.deepEqual(origin.taker.got, [])
  done()
  await tick()
  origin.clock.advance(1)
  origin.join()
  origin.deliver(1, 1)
  assert.deepEqual(origin.taker.got, ['1 m1'])
})

test('while the disk takes nothing, one answer to flow control waits, however often it is asked for', () => {
  const origin = new Origin()
  origin.join()
  origin.deliver(1, 1)
  for (let i = 0; i < 100; i++) {
    origin.status('Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Consumer-Stalled: $JS.FC.O.C.abcd')
  }
  assert.equal(origin.barriers.length, 1)
  origin.barriers.shift()?.()
  assert.equal(origin.confirmed.length, 1)
  origin.status('Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Consumer-Stalled: $JS.FC.O.C.abcd')
  assert.equal(origin.barriers.length, 1)
})

test('flow control is answered when all that came before is on disk, with how far that is', () => {
  const origin = new Origin()
  origin.join()
  origin.deliver(4, 1)
  origin.status('FlowControl Request', '$JS.FC.O.C.abcd')
  origin.deliver(5, 2)
  assert.deepEqual(origin.confirmed, [])
  origin.barriers.shift()?.()
  assert.deepEqual(origin.confirmed, [
    '$JS.FC.O.C.abcd NATS/1.0\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 4\r\n\r\n',
  ])
  origin.status('Idle Heartbeat\r\nNats-Last-Consumer: 2\r\nNats-Consumer-Stalled: $JS.FC.O.C.efgh')
  origin.barriers.shift()?.()
  assert.match(origin.confirmed[1], /^\$JS\.FC\.O\.C\.efgh /)
  // Of a consumer that was left meanwhile nothing is confirmed.
  origin.status('FlowControl Request', '$JS.FC.O.C.ijkl')
  origin.deliver(9, 9)
  origin.barriers.shift()?.()
  assert.equal(origin.confirmed.length, 2)
})

test('while the store has too much to do, what delivers waits', () => {
  const origin = new Origin()
  origin.join()
  const target = origin.account.target(origin.to)
  assert.equal(target.pendingBytes(), 0)
  origin.overloaded = true
  assert.equal(target.pendingBytes(), Number.POSITIVE_INFINITY)
})

test('nothing heard for ten seconds: it asks again', () => {
  const origin = new Origin()
  origin.join()
  origin.clock.advance(9000)
  origin.status('Idle Heartbeat')
  origin.clock.advance(9900)
  assert.equal(origin.asked.length, 1)
  origin.clock.advance(200)
  assert.equal(origin.asked.length, 2)
})

test('an error is shown, and it is tried again at longer and longer times', () => {
  const origin = new Origin()
  const error = { code: 404, err_code: 10059, description: 'stream not found' }
  const between: number[] = []
  for (let i = 0; i < 14; i++) {
    origin.answer({ error })
    assert.deepEqual(origin.follower.info(origin.clock.now()).error, error)
    const before = origin.clock.now()
    for (const asked = origin.asked.length; origin.asked.length === asked; ) origin.clock.advance(1000)
    between.push((origin.clock.now() - before) / 1000)
  }
  assert.deepEqual(between.slice(0, 3), [12, 22, 32])
  assert.equal(between[13], 122)
  origin.join()
  assert.equal(origin.follower.info(origin.clock.now()).error, undefined)
})

test('a stream that is made is looked for at once', () => {
  const origin = new Origin()
  origin.answer({ error: { code: 404, err_code: 10059, description: 'stream not found' } })
  origin.follower.streamMade('ANOTHER')
  origin.clock.advance(1)
  assert.equal(origin.asked.length, 1)
  origin.follower.streamMade('O')
  origin.clock.advance(1)
  assert.equal(origin.asked.length, 2)
})

test('another stream of the name is followed from its beginning', () => {
  const origin = new Origin()
  origin.join('C', 'first')
  origin.deliver(1, 1)
  origin.clock.advance(10_001)
  assert.match(origin.last.headers, /Nats-Stream-Identity: first\r\n/)
  origin.answer({ error: { code: 400, err_code: 10225, description: 'not that one' } })
  origin.clock.advance(1)
  assert.match(origin.last.headers, /Nats-Stream-Identity: \r\n/)
  assert.equal(origin.last.config.opt_start_seq, 1)
  origin.join('C', 'second')
  origin.deliver(1, 1)
  assert.deepEqual(origin.taker.got, ['1 m1', '1 m1'])
})

test('odd answers, and none, are failures', () => {
  const origin = new Origin()
  const next = (): void => {
    const asked = origin.asked.length
    while (origin.asked.length === asked) origin.clock.advance(1000)
  }
  origin.account.publishText(origin.last.reply, 'not json')
  assert.equal(origin.follower.info(0).error?.err_code, 10025)
  next()
  origin.answer({})
  assert.equal(origin.follower.info(0).error?.description, 'invalid consumer create response')
  next()
  const before = origin.clock.now()
  next()
  // Half a minute without an answer, and then the time between.
  assert.ok(origin.clock.now() - before >= 60_000)
})

test('a stream elsewhere is asked for by its prefixes, and delivers to them', () => {
  const origin = new Origin({ external: { api: 'HUB.API', deliver: 'from.hub.' }, filter_subject: 'a.b' })
  assert.match(origin.last.subject, /^HUB\.API\.CONSUMER\.CREATE\.O\.JS_SRC_\w{8}\.a\.b$/)
  assert.match(origin.to, /^from\.hub\.S\.\w{8}$/)
  // A stream of that name which is made here is another one.
  origin.answer({ error: { code: 404, err_code: 10059, description: 'stream not found' } })
  origin.follower.streamMade('O')
  origin.clock.advance(1)
  assert.equal(origin.asked.length, 1)
})

test('where nobody has the origin it waits, and is not stuck', () => {
  const origin = new Origin({ external: { api: 'NOBODY', deliver: '' } })
  assert.equal(origin.asked.length, 0)
  assert.equal(origin.follower.info(0).active, -1)
  let heard = 0
  origin.account.subscribe('NOBODY.>', { onMessage: () => heard++ })
  origin.clock.advance(12_100)
  assert.equal(heard, 1)
})

test('closed, it asks for nothing any more', () => {
  const origin = new Origin()
  origin.join()
  const { to } = origin
  origin.follower.close()
  origin.deliver(1, 1, { to })
  origin.clock.advance(100_000)
  assert.deepEqual(origin.taker.got, [])
  assert.equal(origin.asked.length, 1)
})
