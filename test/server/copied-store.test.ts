/**
 * A store that was copied file by file while it was in use: each file is of another moment, some are cut short, some are missing.
 * It opens, tells what is lost, answers in full, and goes on.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { Random } from '../../src/ports/random.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { Server } from '../../src/server/index.ts'
import { SMALL_LIMITS } from '../storage/small-limits.ts'

const COPIES = Number(process.env.COPIES ?? 150)
const SEED = Number(process.env.SEED ?? 1)
const ROUNDS = 12
const LIMITS = { ...SMALL_LIMITS, firstJournalBytes: 4096, layoutBytes: 4096, journalBytes: 16_384 }
const STREAMS = [
  { name: 'PLAIN', subjects: ['plain.*'] },
  { name: 'KEYS', subjects: ['keys.*'], max_msgs_per_subject: 1 },
  { name: 'SHORT', subjects: ['short.*'], max_msgs: 20 },
  { name: 'JOBS', subjects: ['jobs.*'], retention: 'workqueue' as const },
]

async function start(fileSystem: SimulatedFileSystem): Promise<{ server: Server; nc: NatsConnection }> {
  const server = await Server.start({ storeDir: '/store', storage: { fileSystem, limits: LIMITS } })
  return { server, nc: await server.connect() }
}

/** The files of a store in use, as they were at several moments. */
async function moments(): Promise<Map<string, Buffer>[]> {
  const fileSystem = new SimulatedFileSystem(SEED)
  const { server, nc } = await start(fileSystem)
  const jsm = await jetstreamManager(nc)
  const js = jetstream(nc)
  for (const config of STREAMS) await jsm.streams.add({ ...config, allow_direct: true })
  await jsm.consumers.add('JOBS', { durable_name: 'worker', ack_policy: 'explicit' })
  await jsm.consumers.add('PLAIN', { durable_name: 'reader', ack_policy: 'explicit' })
  const taken: Map<string, Buffer>[] = []
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < 12; i++) {
      for (const { name } of STREAMS) {
        await js.publish(`${name.toLowerCase()}.${i % 5}`, `${round} ${i} ${'x'.repeat(60)}`)
      }
    }
    if (round === 3) await jsm.streams.purge('PLAIN', { filter: 'plain.1' })
    if (round === 6) await jsm.streams.purge('PLAIN', { seq: 40 })
    if (round === 8) {
      await jsm.streams.delete('SHORT')
      await jsm.streams.add({ ...STREAMS[2], allow_direct: true })
    }
    const messages = await (await js.consumers.get('JOBS', 'worker')).fetch({
      max_messages: 8,
      expires: 1000,
    })
    for await (const message of messages) await message.ackAck()
    taken.push(fileSystem.contents())
  }
  await nc.close()
  await server.stop()
  taken.push(fileSystem.contents())
  return taken
}

/** Takes each file as it was at one of a few moments, or not at all. */
function copied(taken: Map<string, Buffer>[], random: Random): Map<string, Buffer> {
  const from = random.below(taken.length - 2)
  const some = taken.slice(from, from + 3)
  const files = new Map<string, Buffer>()
  for (const path of new Set(some.flatMap((each) => [...each.keys()]))) {
    const content = some[random.below(some.length)].get(path)
    if (content === undefined || random.chance(0.04)) continue
    const isCut = random.chance(0.05)
    files.set(path, isCut ? content.subarray(0, random.below(content.length + 1)) : content)
  }
  return files
}

async function ask(nc: NatsConnection, subject: string, request: object): Promise<Record<string, never>> {
  const answer = await nc.request(`$JS.API.${subject}`, JSON.stringify(request), { timeout: 5000 })
  const body = answer.json<{ error?: { description: string } }>()
  assert.equal(body.error, undefined, `${subject}: ${body.error?.description}`)
  return body as Record<string, never>
}

async function askEverything(nc: NatsConnection): Promise<void> {
  const jsm = await jetstreamManager(nc)
  for await (const { config } of jsm.streams.list()) {
    const { state } = await jsm.streams.info(config.name, { deleted_details: true, subjects_filter: '>' })
    assert.ok(Number.isFinite(Date.parse(state.first_ts)) && Number.isFinite(Date.parse(state.last_ts)))
    let read = 0
    for (let seq = Math.max(state.first_seq, 1); seq <= state.last_seq; seq++) {
      if ((await jsm.direct.getMessage(config.name, { seq })) !== null) read++
    }
    const { state: after } = await jsm.streams.info(config.name)
    // Of a work queue what was acknowledged goes meanwhile.
    const isSame = config.retention === 'workqueue' ? after.messages <= read : after.messages === read
    assert.ok(isSame, `${config.name}: ${read} can be read, and ${after.messages} are counted`)
    for await (const consumer of jsm.consumers.list(config.name)) assert.ok(consumer.num_pending >= 0)
    const subject = `${config.name.toLowerCase()}.new`
    const { seq } = await jetstream(nc).publish(subject, 'after')
    assert.equal(seq, after.last_seq + 1)
    await ask(nc, `STREAM.PURGE.${config.name}`, { filter: subject })
  }
}

test('a store that was copied while it was in use opens, and answers in full', async () => {
  const taken = await moments()
  for (let i = 0; i < COPIES; i++) {
    const files = copied(taken, new Random(SEED + i))
    const fileSystem = SimulatedFileSystem.of(files, i)
    try {
      const { server, nc } = await start(fileSystem)
      await askEverything(nc)
      await nc.close()
      await server.stop()
      const again = await start(fileSystem)
      await askEverything(again.nc)
      await again.nc.close()
      await again.server.stop()
    } catch (error) {
      throw new Error(`copy ${i} of seed ${SEED}: ${(error as Error).message}`, { cause: error })
    }
  }
})
