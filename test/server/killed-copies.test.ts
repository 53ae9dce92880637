import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { Program } from './program.ts'

const main = join(import.meta.dirname, '..', '..', 'src', 'server', 'main.js')
const ROUNDS = 4
const LANES = 50
/** Acknowledged in a round before the server is killed. */
const LEAST = 400
const PATIENCE_MS = 30_000

test('kill -9 while streams are copied: nothing is lost and nothing comes twice', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-copies-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const acknowledged = new Map<number, string>()
  const start = async () => {
    const program = new Program(t, [main, '-a', '127.0.0.1', '-p', '-1', '-js', '-sd', folder])
    const port = await program.port()
    const nc = await connect({ servers: `127.0.0.1:${port}`, reconnect: false })
    return { program, nc, jsm: await jetstreamManager(nc) }
  }
  for (let round = 0; round < ROUNDS; round++) {
    const { program, nc, jsm } = await start()
    if (round === 0) {
      await jsm.streams.add({ name: 'ORIGIN', subjects: ['origin'], allow_direct: true })
      await jsm.streams.add({ name: 'MIRROR', mirror: { name: 'ORIGIN' }, allow_direct: true })
      await jsm.streams.add({ name: 'SOURCED', sources: [{ name: 'MIRROR' }], allow_direct: true })
      // Of what it took over it keeps next to nothing.
      await jsm.streams.add({ name: 'PASSING', sources: [{ name: 'ORIGIN' }], max_msgs: 10 })
    }
    const js = jetstream(nc, { timeout: PATIENCE_MS })
    let count = 0
    const lane = async (own: number): Promise<void> => {
      for (let i = 0; !nc.isClosed(); i++) {
        const body = `${round} ${own} ${i}`
        const { seq } = await js.publish('origin', body)
        acknowledged.set(seq, body)
        if (++count === LEAST) program.child.kill('SIGKILL')
      }
    }
    await Promise.all(Array.from({ length: LANES }, (_, own) => lane(own).catch(() => {})))
    await program.ended
    assert.ok(count >= LEAST, `only ${count} were acknowledged: ${program.output}`)
    await nc.close()
  }
  const { nc, jsm } = await start()
  const last = async (stream: string): Promise<number> => (await jsm.streams.info(stream)).state.last_seq
  const total = await last('ORIGIN')
  const deadline = performance.now() + PATIENCE_MS
  for (const stream of ['MIRROR', 'SOURCED', 'PASSING']) {
    while ((await last(stream)) < total) {
      assert.ok(performance.now() < deadline, `${stream} does not come to its end`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  // A sequence for each that was taken over: one more would be of a message that came twice.
  for (const stream of ['MIRROR', 'SOURCED', 'PASSING']) assert.equal(await last(stream), total, stream)
  const bodies = async (stream: string): Promise<string[]> => {
    const found: string[] = []
    for await (const message of await jsm.direct.getBatch(stream, { seq: 1, batch: total + 1 }))
      found.push(message.string())
    return found
  }
  const there = await bodies('ORIGIN')
  assert.equal(there.length, total)
  for (const [seq, body] of acknowledged) assert.equal(there[seq - 1], body)
  assert.deepEqual(await bodies('MIRROR'), there)
  assert.deepEqual(await bodies('SOURCED'), there)
  await nc.close()
})
