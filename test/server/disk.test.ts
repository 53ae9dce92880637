/** A disk that is full, fails, or has changed what was written: publishers are told, readers served, and nothing crashes. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type JetStreamClient, jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import type { Server } from '../../src/server/index.ts'
import { start } from './support.ts'

const MESSAGES = 200
const STREAM = 'ORDERS'
/** Modes mean nothing there. */
const windows = process.platform === 'win32'

interface Running {
  fileSystem: SimulatedFileSystem
  server: Server
  nc: NatsConnection
  js: JetStreamClient
  advisories: Record<string, unknown>[]
}

type Test = Parameters<typeof start>[0]

async function run(t: Test, fileSystem = new SimulatedFileSystem(1)): Promise<Running> {
  const server = await start(t, { storeDir: '/simulated', storage: { fileSystem }, monitorPort: 0 })
  const nc = await server.connect()
  const advisories: Record<string, unknown>[] = []
  nc.subscribe('$JS.EVENT.ADVISORY.>', {
    callback: (_, message) => {
      const { type, ...rest } = message.json<Record<string, unknown>>()
      if (!/ADVISORY\.(API|STREAM\.CREATED)/.test(message.subject))
        advisories.push({ subject: message.subject, type, ...rest })
    },
  })
  return { fileSystem, server, nc, js: jetstream(nc), advisories }
}

async function fill({ nc, js }: Pick<Running, 'nc' | 'js'>): Promise<void> {
  const jsm = await jetstreamManager(nc)
  await jsm.streams.add({ name: STREAM, subjects: ['orders.*'], allow_direct: true })
  for (let i = 1; i <= MESSAGES; i++) await js.publish(`orders.${i % 3}`, `order ${i}`)
}

/** Publishes until it is refused; how many were acknowledged, and the refusal. */
async function publishUntilRefused(js: JetStreamClient): Promise<{ acknowledged: number; code: number }> {
  for (let acknowledged = 0; acknowledged < 5000; acknowledged++) {
    try {
      await js.publish('orders.x', 'x'.repeat(1000), { timeout: 300 })
    } catch (error) {
      const { code, message } = error as Error & { code: number }
      // What was under way when the disk filled up gets its ack later.
      if (message === 'timeout') continue
      return { acknowledged, code }
    }
  }
  throw new Error('it was never refused')
}

async function health(server: Server): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`http://127.0.0.1:${server.monitorPort}/healthz`)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

async function readAll(nc: NatsConnection): Promise<string[]> {
  const jsm = await jetstreamManager(nc)
  const { state } = await jsm.streams.info(STREAM)
  const read: string[] = []
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await jsm.direct.getMessage(STREAM, { seq }).catch(() => null)
    if (message !== null) read.push(message.string())
  }
  return read
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: no`), { code })
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.fail(what)
}

for (const code of ['ENOSPC', 'EMFILE']) {
  test(`${code}: publishing is refused, reading goes on, and publishing too when there is room again`, async (t) => {
    const running = await run(t)
    const { fileSystem, server, nc, js, advisories } = running
    await fill(running)
    fileSystem.fault = (name) =>
      (code === 'EMFILE' ? name === 'open' : name.startsWith('write')) ? failure(code) : null
    const refused = await publishUntilRefused(js)
    assert.equal(refused.code, 10023)
    const sick = await health(server)
    assert.equal(sick.status, 503)
    assert.match(`${sick.body.error}`, new RegExp(`no space: ${code}`))
    const jsm = await jetstreamManager(nc)
    assert.equal((await jsm.direct.getMessage(STREAM, { seq: 7 }))?.string(), 'order 7')
    assert.ok((await jsm.streams.info(STREAM)).state.messages >= MESSAGES)
    await assert.rejects(jsm.streams.add({ name: 'OTHER', subjects: ['other'] }), /resources|storage/)
    fileSystem.fault = null
    await until(async () => (await health(server)).status === 200, 'it recovers')
    const { seq } = await js.publish('orders.x', 'after')
    assert.ok(seq > MESSAGES)
    await until(() => advisories.length === 2, 'both advisories come')
    assert.deepEqual(
      advisories.map((each) => [each.subject, each.type]),
      [
        ['$JS.EVENT.ADVISORY.SERVER.OUT_OF_STORAGE', 'io.nats.jetstream.advisory.v1.server_out_of_space'],
        [
          '$JS.EVENT.ADVISORY.SERVER.STORAGE_AVAILABLE',
          'io.contrail.jetstream.advisory.v1.storage_available',
        ],
      ],
    )
    await nc.close()
    await server.stop()
    const again = await run(t, fileSystem)
    const read = await readAll(again.nc)
    assert.equal(read[MESSAGES - 1], `order ${MESSAGES}`)
    assert.equal(read.at(-1), 'after')
    assert.ok(read.length >= MESSAGES + refused.acknowledged + 1)
  })
}

test('EIO when committing: nothing is acknowledged any more, and all that was is there after a restart', async (t) => {
  const running = await run(t)
  const { fileSystem, server, nc, js, advisories } = running
  await fill(running)
  fileSystem.fault = (name) => (name === 'writeDurable' ? failure('EIO') : null)
  const refused = await publishUntilRefused(js)
  assert.equal(refused.code, 10023)
  fileSystem.fault = null
  await assert.rejects(js.publish('orders.x', 'later', { timeout: 300 }), { code: 10023 })
  assert.equal((await health(server)).status, 503)
  const jsm = await jetstreamManager(nc)
  assert.equal((await jsm.direct.getMessage(STREAM, { seq: 7 }))?.string(), 'order 7')
  await until(() => advisories.length === 1, 'the advisory comes')
  assert.equal(advisories[0].subject, '$JS.EVENT.ADVISORY.SERVER.STORE_FAILED')
  await nc.close()
  await server.stop()
  const again = await run(t, fileSystem)
  assert.equal((await readAll(again.nc)).length, MESSAGES)
  await again.js.publish('orders.x', 'as before')
})

test('EIO when reading: who asks is told so, and nothing is taken for lost', async (t) => {
  const first = await run(t)
  await fill(first)
  await first.nc.close()
  await first.server.stop()
  const { fileSystem, nc } = await run(t, first.fileSystem)
  fileSystem.fault = (name, path) => (name === 'read' && path.endsWith('.segment') ? failure('EIO') : null)
  const jsm = await jetstreamManager(nc)
  await assert.rejects(jsm.direct.getMessage(STREAM, { seq: 7 }), { message: /can not be read/i })
  await assert.rejects(jsm.streams.getMessage(STREAM, { seq: 7 }), { code: 10077 })
  fileSystem.fault = null
  const again = await run(t, first.fileSystem).catch((error: Error) => error)
  assert.ok(again instanceof Error, 'two servers on one store')
  const { state } = await jsm.streams.info(STREAM)
  assert.equal(state.messages, MESSAGES)
  assert.equal(state.lost, undefined)
})

test('a flipped bit costs one message, and is told by advisory, stream info and /healthz', async (t) => {
  const first = await run(t)
  await fill(first)
  await first.nc.close()
  await first.server.stop()
  const segment = first.fileSystem.paths().find((path) => path.endsWith('.segment')) as string
  const data = await first.fileSystem.readFile(segment)
  // Behind the one before it: 'order 4' is followed by a checksum, which may begin like a 2.
  const at = data.indexOf('order 42', data.indexOf('order 41'))
  first.fileSystem.flip(segment, at * 8 + 3)
  const { server, nc, advisories } = await run(t, first.fileSystem)
  const read = await readAll(nc)
  const expected = Array.from({ length: MESSAGES }, (_, i) => `order ${i + 1}`)
  assert.deepEqual(
    expected.filter((text) => !read.includes(text)),
    ['order 42'],
  )
  await until(() => advisories.length === 1, 'the advisory comes')
  const { subject, stream, lost, sequences } = advisories[0]
  assert.deepEqual(
    [subject, stream, lost, sequences],
    [`$JS.EVENT.ADVISORY.STREAM.MESSAGES_LOST.${STREAM}`, STREAM, 1, [42]],
  )
  const jsm = await jetstreamManager(nc)
  const { state } = await jsm.streams.info(STREAM)
  assert.deepEqual(state.lost?.msgs, [42])
  assert.ok((state.lost?.bytes ?? 0) > 'order 42'.length)
  const { status, body } = await health(server)
  assert.equal(status, 200)
  assert.deepEqual(body.warnings, [
    { type: 'DAMAGE', account: '$G', stream: STREAM, error: '1 messages are lost to damage on the disk' },
  ])
  await nc.close()
  await server.stop()
  const again = await run(t, first.fileSystem)
  const later = await (await jetstreamManager(again.nc)).streams.info(STREAM)
  assert.deepEqual(later.state.lost?.msgs, [42], 'it is remembered')
})

test('nobody else can read what is stored: files are 0600, folders 0700', { skip: windows }, async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'contrail-modes-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const before = process.umask(0)
  t.after(() => process.umask(before))
  const storeDir = join(root, 'deep', 'store')
  const limits = { segmentBytes: 4096, firstJournalBytes: 8192, journalBytes: 8192, layoutBytes: 8192 }
  const server = await start(t, { storeDir, storage: { limits } })
  const nc = await server.connect()
  await fill({ nc, js: jetstream(nc) })
  const jsm = await jetstreamManager(nc)
  await jsm.consumers.add(STREAM, { durable_name: 'reader', ack_policy: 'explicit' })
  await nc.close()
  const check = (): number => {
    const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
    for (const name of names) {
      const status = statSync(join(root, name))
      assert.equal((status.mode & 0o777).toString(8), status.isDirectory() ? '700' : '600', name)
    }
    return names.length
  }
  check()
  await server.stop()
  assert.ok(check() > 10)
})
