import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dice, FakeClient, fakeBus } from './fakes.ts'

/** More rounds by FUZZ_ROUNDS, another sequence by FUZZ_SEED. */
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 3000)
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_125)

const FRAMES = [
  'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\n',
  'CONNECT {"verbose":true,"pedantic":true,"protocol":1}\r\n',
  'PUB foo 5\r\nhello\r\n',
  'PUB foo.bar re.ply 11\r\nhello\r\nyou\r\r\n',
  'HPUB foo r 12 17\r\nNATS/1.0\r\n\r\nhello\r\n',
  'SUB foo 1\r\n',
  'SUB foo.* q 2\r\n',
  'SUB > 3\r\n',
  'UNSUB 1\r\n',
  'UNSUB 2 3\r\n',
  'PING\r\n',
  'PONG\r\n',
  '+OK\r\n',
  '-ERR x\r\n',
  'INFO {}\r\n',
  'PUB foo 999999999\r\n',
  'PUB foo -5\r\n',
  `SUB ${'a.'.repeat(2100)}b 9\r\n`,
  `PUB foo 3000\r\n${'z'.repeat(3000)}\r\n`,
] as const

function bytes(dice: Dice): Buffer {
  const parts: Buffer[] = []
  for (let n = 1 + dice.roll(8); n > 0; n--) {
    const frame = Buffer.from(dice.pick(FRAMES), 'latin1')
    const kind = dice.roll(10)
    if (kind === 0) parts.push(Buffer.from(Array.from({ length: dice.roll(60) }, () => dice.roll(256))))
    else if (kind === 1) parts.push(frame.subarray(0, dice.roll(frame.length)))
    else if (kind < 5) {
      const mutated = Buffer.from(frame)
      for (let m = 1 + dice.roll(3); m > 0; m--) mutated[dice.roll(mutated.length)] = dice.roll(256)
      parts.push(mutated)
    } else parts.push(frame)
  }
  return Buffer.concat(parts)
}

test(`${ROUNDS} clients that send anything disturb nobody`, () => {
  const dice = new Dice(SEED)
  const { bus, client } = fakeBus()
  const witness = client()
  witness.say('SUB witness 1\r\n')
  const speaker = client()
  const guests: FakeClient[] = []
  const reasons = new Set<string>()
  const memory = process.memoryUsage().arrayBuffers
  for (let round = 0; round < ROUNDS; round++) {
    const guest = new FakeClient(bus)
    guests.push(guest)
    const said = bytes(dice)
    for (let at = 0; at < said.length; ) {
      const next = Math.min(said.length, at + 1 + dice.roll(dice.roll(4) === 0 ? 5 : 4000))
      guest.protocol.receive(said.subarray(at, next))
      at = next
    }
    guest.take()
    if (guests.length > 20) {
      const [gone] = guests.splice(dice.roll(guests.length), 1)
      gone.session.close('Client Closed')
      gone.take()
      reasons.add(gone.session.closeReason)
    }
    speaker.say(`PUB witness ${String(round).length}\r\n${round}\r\n`)
    const heard = witness.take()
    assert.equal(
      heard,
      `MSG witness 1 ${String(round).length}\r\n${round}\r\n`,
      `round ${round} seed ${SEED}`,
    )
  }
  assert.equal(witness.session.isClosed, false)
  for (const guest of guests) guest.session.close('Client Closed')
  assert.equal(bus.connections.size, 2)
  assert.equal(bus.subscriptions, 1)
  assert.equal(bus.account('$G').interest.size, 1)
  assert.ok(reasons.size >= 4, [...reasons].join())
  assert.ok(process.memoryUsage().arrayBuffers - memory < 128 * 1024 * 1024)
})

test('what waits for the rest of a frame is bounded', () => {
  const { bus } = fakeBus()
  const text = (length: number): Buffer => Buffer.alloc(length, 97)
  for (const start of ['PUB ', 'SUB ', 'CONNECT ', 'CONNECT {"name":"', 'HPUB foo ', '-ERR ', 'INFO ']) {
    const guest = new FakeClient(bus)
    guest.protocol.receive(Buffer.from(start))
    for (let i = 0; i < 100; i++) guest.protocol.receive(text(100))
    assert.equal(guest.session.closeReason, 'Maximum Control Line Exceeded', start)
  }
  const idle = new FakeClient(bus)
  for (let i = 0; i < 1000; i++) idle.protocol.receive(Buffer.from(i === 0 ? 'PING' : ' '.repeat(1000)))
  assert.equal(idle.session.isClosed, false)
  const spaces = new FakeClient(bus)
  for (let i = 0; i < 1000; i++) spaces.protocol.receive(Buffer.from(i === 0 ? 'PUB' : ' '.repeat(1000)))
  spaces.take()
  assert.equal(spaces.say('foo 1\r\nx\r\n'), '+OK\r\n')
})
