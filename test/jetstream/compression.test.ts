/** Streams with `compression: s2`: less on disk, and nothing else that anybody sees. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCompressed } from '../../src/jetstream/index.ts'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { Server } from '../../src/server/index.ts'
import type { Json as Meta } from '../../src/storage/index.ts'

const LIMITS = {
  segmentBytes: 32 * 1024,
  chunkBits: 12,
  cacheBytes: 8192,
  firstJournalBytes: 32 * 1024,
  journalBytes: 32 * 1024,
  layoutBytes: 32 * 1024,
}
const MESSAGES = 300

interface Place {
  fileSystem: SimulatedFileSystem
  clock: SimulatedClock
}

type Connection = Awaited<ReturnType<Server['connect']>>

const place = (): Place => ({ fileSystem: new SimulatedFileSystem(1), clock: new SimulatedClock() })

async function start({ fileSystem, clock }: Place): Promise<{ server: Server; nc: Connection }> {
  const server = await Server.start({ storeDir: '/store', clock, storage: { fileSystem, limits: LIMITS } })
  return { server, nc: await server.connect({ reconnect: false }) }
}

async function api(nc: Connection, verb: string, request: object = {}): Promise<Record<string, unknown>> {
  const answer = (await nc.request(`$JS.API.${verb}`, JSON.stringify(request))).json<
    Record<string, unknown>
  >()
  assert.equal(answer.error, undefined, JSON.stringify(answer.error))
  return answer
}

const payload = (i: number): string =>
  JSON.stringify({ id: i, text: 'a text that comes again. '.repeat(10), i })

async function publish(nc: Connection, subject: string, from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i += 50) {
    const all = Array.from({ length: Math.min(50, from + count - i) }, (_, k) =>
      nc.request(subject, payload(i + k)),
    )
    await Promise.all(all)
  }
}

async function settle({ clock }: Place): Promise<void> {
  for (let i = 0; i < 100; i++) {
    clock.advance(100)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Bytes of the segments of each log, and how many of them are packed. */
function stored({ fileSystem }: Place): Map<string, { bytes: number; packed: number }> {
  const logs = new Map<string, { bytes: number; packed: number }>()
  for (const [path, content] of fileSystem.contents()) {
    if (!path.endsWith('.segment')) continue
    const log = path.split('/').at(-2) as string
    const known = logs.get(log) ?? { bytes: 0, packed: 0 }
    known.bytes += content.length
    if (content.subarray(0, 4).toString() === 'CTRP') known.packed++
    logs.set(log, known)
  }
  return logs
}

async function readAll(nc: Connection, stream: string, count: number): Promise<void> {
  for (let seq = 1; seq <= count; seq++) {
    const message = await nc.request(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify({ seq }))
    assert.equal(message.string(), payload(seq), `${stream} ${seq}`)
  }
}

test('a stream with s2 takes less on disk than one without, tells the same, and is read by all', async () => {
  const here = place()
  let { server, nc } = await start(here)
  await api(nc, 'STREAM.CREATE.P', { name: 'P', subjects: ['p'], allow_direct: true })
  const s2 = { name: 'S', subjects: ['s'], allow_direct: true, compression: 's2' }
  await api(nc, 'STREAM.CREATE.S', s2)
  await publish(nc, 'p', 1, MESSAGES)
  await publish(nc, 's', 1, MESSAGES)
  await settle(here)
  const [plain, packed] = [...stored(here).values()]
  assert.equal(plain.packed, 0)
  assert.ok(packed.packed >= 2)
  assert.ok(packed.bytes < plain.bytes / 2, `${packed.bytes} of ${plain.bytes}`)
  const state = async (name: string): Promise<unknown> => {
    const info = await api(nc, `STREAM.INFO.${name}`)
    const { messages, bytes, last_seq } = info.state as Record<string, number>
    return { messages, bytes, last_seq }
  }
  assert.deepEqual(await state('S'), await state('P'))
  await readAll(nc, 'S', MESSAGES)
  // Mirrored by a stream without compression, and one with.
  for (const name of ['M1', 'M2'])
    await api(nc, `STREAM.CREATE.${name}`, {
      name,
      mirror: { name: 'S' },
      allow_direct: true,
      compression: name === 'M1' ? 'none' : 's2',
    })
  const has = async (): Promise<boolean> => {
    const states = await Promise.all(['M1', 'M2'].map((name) => api(nc, `STREAM.INFO.${name}`)))
    return states.every((info) => (info.state as { messages: number }).messages === MESSAGES)
  }
  for (let i = 0; i < 100 && !(await has()); i++) await settle(here)
  await settle(here)
  await nc.close()
  await server.stop()
  ;({ server, nc } = await start(here))
  for (const name of ['S', 'P', 'M1', 'M2']) await readAll(nc, name, MESSAGES)
  await nc.close()
  await server.stop()
})

test('an update has what is sealed from then on compressed, or not any more', async () => {
  const here = place()
  const { server, nc } = await start(here)
  const config = { name: 'S', subjects: ['s'], allow_direct: true }
  const packed = (): number => [...stored(here).values()][0].packed
  await api(nc, 'STREAM.CREATE.S', config)
  await publish(nc, 's', 1, MESSAGES)
  await settle(here)
  assert.equal(packed(), 0)
  await api(nc, 'STREAM.UPDATE.S', { ...config, compression: 's2' })
  await publish(nc, 's', MESSAGES + 1, MESSAGES)
  await settle(here)
  const some = packed()
  assert.ok(some >= 2)
  await api(nc, 'STREAM.UPDATE.S', { ...config, compression: 'none' })
  await publish(nc, 's', 2 * MESSAGES + 1, MESSAGES)
  await settle(here)
  assert.equal(packed(), some)
  await readAll(nc, 'S', 3 * MESSAGES)
  await nc.close()
  await server.stop()
})

test('logs that are no streams are not compressed', () => {
  assert.equal(isCompressed({} as Meta), false)
  assert.equal(isCompressed({ config: {} } as unknown as Meta), false)
  assert.equal(isCompressed({ config: { compression: 's2' } } as unknown as Meta), true)
})
