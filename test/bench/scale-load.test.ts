/** The load of the bench of scale, against a server that answers as the test says. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { pump } from '../../bench/scale/load/pump.ts'
import { Wire } from '../../bench/scale/load/wire.ts'

type Answer = (socket: Socket, frames: string) => void

/** Answers PINGs, and each publication with `frame(i)` on the subscription named 1. */
async function withServer(
  frame: (i: number) => string,
  answer: Answer,
  use: (wire: Wire) => Promise<void>,
): Promise<void> {
  let answered = 0
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    socket.write('INFO {"x": 1}\r\n')
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1')
      if (text.includes('PING\r\n')) socket.write('PONG\r\n')
      const publications = text.split('PUB ').length - 1
      let frames = ''
      for (let i = 0; i < publications; i++) frames += frame(answered++)
      answer(socket, frames)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const wire = await Wire.open((server.address() as AddressInfo).port)
  try {
    await use(wire)
  } finally {
    wire.close()
    server.close()
  }
}

const ack = '{"stream":"S","seq":1}'
const acked = () => `MSG _INBOX.x 1 ${ack.length}\r\n${ack}\r\n`
const whole: Answer = (socket, frames) => {
  if (frames !== '') socket.write(frames)
}

/** Every few bytes on their own, with a turn between them. */
function inPieces(): Answer {
  let waiting = ''
  return (socket, frames) => {
    const isWriting = waiting !== ''
    waiting += frames
    const next = () => {
      if (waiting === '') return
      socket.write(waiting.slice(0, 7))
      waiting = waiting.slice(7)
      setImmediate(next)
    }
    if (!isWriting) next()
  }
}

const publish = (wire: Wire) => (_: number, inbox: string) =>
  wire.output.publish('a.b', Buffer.from('x'), inbox)

for (const [how, answer] of [
  ['whole', whole],
  ['in pieces', inPieces()],
] as const) {
  test(`answers that come ${how} are counted one by one`, () =>
    withServer(acked, answer, async (wire) => {
      const { done, rate } = await pump(wire, { inFlight: 10, count: 100, send: publish(wire) })
      assert.equal(done, 100)
      assert.ok(rate > 0)
    }))
}

test('no more requests are in flight than were asked for', async () => {
  let most = 0
  await withServer(
    acked,
    (socket, frames) => {
      most = Math.max(most, frames.split('MSG ').length - 1)
      // What comes within a moment would be beyond the limit.
      setTimeout(() => whole(socket, frames), 5)
    },
    async (wire) => {
      await pump(wire, { inFlight: 4, count: 20, send: publish(wire) })
    },
  )
  assert.equal(most, 4)
})

for (const [what, frame] of [
  ['a refused publication', 'MSG _INBOX.x 1 22\r\n{"error":{"code":503}}\r\n'],
  ['an error of the API', 'MSG _INBOX.x 1 33\r\n{"type":"t","error":{"code":400}}\r\n'],
  ['nobody there', 'HMSG _INBOX.x 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n'],
] as const) {
  test(`the first answer that is an error ends the load: ${what}`, () =>
    withServer(
      (i) => (i === 5 ? frame : acked()),
      whole,
      async (wire) => {
        await assert.rejects(pump(wire, { inFlight: 1, count: 100, send: publish(wire) }), /503|400/)
      },
    ))
}

test('a lenient load goes on after an error, and does not count it', () =>
  withServer(
    (i) => (i % 2 === 0 ? 'MSG _INBOX.x 1 22\r\n{"error":{"code":503}}\r\n' : acked()),
    whole,
    async (wire) => {
      const { done } = await pump(wire, { inFlight: 5, count: 100, lenient: true, send: publish(wire) })
      assert.equal(done, 50)
    },
  ))

test('what is not answered in time is cut, and the rate is that of what was done', () =>
  withServer(
    (i) => (i < 30 ? acked() : ''),
    whole,
    async (wire) => {
      const plan = { inFlight: 10, count: 100, cutSeconds: 0.2, send: publish(wire) }
      const { done, seconds, rate } = await pump(wire, plan)
      assert.equal(done, 30)
      assert.ok(seconds >= 0.2)
      assert.equal(rate, done / seconds)
    },
  ))

test('a connection that is lost ends the load with an error', () =>
  withServer(
    acked,
    (socket, frames) => {
      if (frames !== '') socket.destroy()
    },
    async (wire) => {
      await assert.rejects(pump(wire, { inFlight: 1, count: 10, send: publish(wire) }), /closed/)
    },
  ))
