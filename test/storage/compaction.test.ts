/** Space of deleted messages comes back, on disk and in memory, and what lives stays as it is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type MessageLog, Store } from '../../src/storage/index.ts'
import { subjectFilter } from '../../src/subjects/index.ts'
import { readAll } from './read-all.ts'

const LIMITS = {
  segmentBytes: 64 * 1024,
  chunkBits: 12,
  firstJournalBytes: 32 * 1024,
  journalBytes: 32 * 1024,
  layoutBytes: 32 * 1024,
}
const KEPT = subjectFilter(['kept'])

function append(log: MessageLog, name: string): void {
  const subject = Buffer.from(name)
  const body = Buffer.from(`${log.lastSeq + 1} ${'x'.repeat(200)}`)
  log.append(subject, 0, subject.length, body, 0, 0, body.length, 1, log.lastSeq)
}

async function turns(store: Store, clock: SimulatedClock): Promise<void> {
  for (let i = 0; i < 200; i++) {
    clock.advance(100)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await new Promise<void>((resolve) => store.barrier(resolve))
}

async function dataBytes(fileSystem: SimulatedFileSystem): Promise<number> {
  let bytes = 0
  for (const path of fileSystem.paths()) if (path.endsWith('.segment')) bytes += await fileSystem.size(path)
  return bytes
}

test('segments in which little lives are rewritten, and the old files removed', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const clock = new SimulatedClock()
  const options = { directory: 'store', fileSystem, clock, limits: LIMITS }
  const store = await Store.open(options)
  const log = store.createLog('log', {}, { inMemory: false })
  for (let i = 0; i < 3000; i++) {
    append(log, i % 20 === 7 ? 'kept' : 'gone')
    if (i % 50 === 0) await new Promise<void>((resolve) => store.barrier(resolve))
  }
  await turns(store, clock)
  const before = await dataBytes(fileSystem)
  assert.ok(before > 500_000, `${before}`)
  assert.equal(log.purge(subjectFilter(['gone']), 0, 0), 2850)
  // What is appended makes the journal turn over, and that a checkpoint.
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 200; i++) append(log, 'kept')
    await turns(store, clock)
  }
  const expected = await readAll(log)
  assert.equal(expected.length, 150 + 1200)
  assert.equal(store.failure, null)
  await store.close()
  const after = await dataBytes(fileSystem)
  assert.ok(
    after < expected.length * 260 * 1.2,
    `${before} before, ${after} after, ${expected.length} messages`,
  )
  const again = await Store.open(options)
  const reopened = again.logs.get('log') as MessageLog
  assert.deepEqual(await readAll(reopened), expected)
  assert.equal(reopened.count(KEPT, 0), 1350)
  assert.equal(reopened.lost.count, 0)
  await again.close()
})

test('a log in memory gives back what deleted messages took', async () => {
  const store = await Store.open({
    directory: null,
    fileSystem: new SimulatedFileSystem(1),
    clock: new SimulatedClock(),
    limits: LIMITS,
  })
  const log = store.createLog('log', {}, { inMemory: true })
  for (let i = 0; i < 3000; i++) append(log, i % 20 === 7 ? 'kept' : 'gone')
  for (let seq = 1; seq <= 3000; seq++) if (seq % 20 !== 8) log.remove(seq)
  const expected = await readAll(log)
  assert.equal(expected.length, 150)
  for (const each of expected) assert.equal(Number.parseInt(each.payload, 10), each.seq)
  const bytes = log.segments.reduce((sum, segment) => sum + segment.dataBytes, 0)
  assert.ok(bytes < 150 * 260 * 2 + LIMITS.segmentBytes, `${bytes}`)
  assert.equal(log.firstSeq, 8)
  assert.equal(log.count(KEPT, 0), 150)
})

test('an idle store gives back the room that its journal had for more', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const clock = new SimulatedClock()
  const limits = {
    firstJournalBytes: 4096,
    journalBytes: 64 * 1024,
    layoutBytes: 4096,
    segmentBytes: 32 * 1024,
  }
  const store = await Store.open({ directory: 'store', fileSystem, clock, limits })
  const journalBytes = (): number => {
    let bytes = 0
    for (const [path, content] of fileSystem.contents())
      if (path.endsWith('.journal')) bytes += content.length
    return bytes
  }
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))
  const log = store.createLog('log', {}, { inMemory: false })
  const subject = Buffer.from('s')
  const put = async (body: Buffer): Promise<void> => {
    log.append(subject, 0, 1, body, 0, 0, body.length, 1, 1)
    await new Promise<void>((resolve) => store.barrier(resolve))
  }
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 300; i++) await put(Buffer.alloc(1000))
    await settled()
    assert.ok(journalBytes() > 64 * 1024)
    // Somebody still writes a little now and then.
    for (let i = 0; i < 15; i++) {
      await put(Buffer.from('little'))
      clock.advance(1000)
      await settled()
    }
    assert.ok(journalBytes() <= 16 * 1024, `${journalBytes()} bytes`)
  }
  assert.equal(log.messages, 630)
  const found = await Store.open({ directory: 'store', fileSystem: fileSystem.restart(1), clock, limits })
  assert.equal(found.logs.get('log')?.messages, 630)
  await found.close()
  await store.close()
})

test('what most of is deleted takes little more room within seconds, without anything else being written', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const clock = new SimulatedClock()
  const limits = { segmentBytes: 16 * 1024, chunkBits: 12, firstJournalBytes: 1024 * 1024 }
  const first = await Store.open({ directory: 'store', fileSystem, clock, limits })
  const filled = first.createLog('log', {}, { inMemory: false })
  const subject = Buffer.from('s')
  const body = Buffer.alloc(1000)
  for (let i = 0; i < 300; i++) filled.append(subject, 0, 1, body, 0, 0, body.length, 1, 1)
  await first.close()
  const store = await Store.open({ directory: 'store', fileSystem, clock, limits })
  const log = store.logs.get('log') as MessageLog
  // The first commit begins another file of the journal, and a checkpoint with it.
  log.append(subject, 0, 1, body, 0, 0, body.length, 1, 1)
  await new Promise<void>((resolve) => store.barrier(resolve))
  await new Promise((resolve) => setTimeout(resolve, 20))
  for (let seq = 1; seq <= 300; seq++) if (seq % 10 !== 0) log.remove(seq)
  await new Promise<void>((resolve) => store.barrier(resolve))
  for (let i = 0; i < 15; i++) {
    clock.advance(1000)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  let bytes = 0
  for (const [path, content] of fileSystem.contents()) if (path.endsWith('.segment')) bytes += content.length
  // Also the segment in use, which is left as it is while it is small.
  assert.ok(bytes < 1.5 * 30 * 1100 + 16 * 1024, `${bytes} bytes`)
  assert.equal((await readAll(log)).length, 31)
  await store.close()
})
