/** With many logs in which little has changed the journal keeps that, as long as it is read faster than their files are written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type MessageLog, Store, type StoreLimits } from '../../src/storage/index.ts'
import { readAll } from './read-all.ts'

const LOGS = 300
/** Everything is worth to be carried over. */
const NOTHING_LEFT: Partial<StoreLimits> = { replayBytes: 0 }

function open(
  fileSystem: SimulatedFileSystem,
  limits: Partial<StoreLimits> = {},
  clock = new SimulatedClock(),
): Promise<Store> {
  return Store.open({ directory: 'store', fileSystem, clock, limits })
}

function append(log: MessageLog, text: string): void {
  const subject = Buffer.from('s')
  const body = Buffer.from(text)
  log.append(subject, 0, 1, body, 0, 0, body.length, 1, 1)
}

async function filled(store: Store, text: string): Promise<void> {
  for (let i = 0; i < LOGS; i++) {
    const name = `log${i}`
    const log = store.logs.get(name) ?? store.createLog(name, { i }, { inMemory: false })
    append(log, `${text} ${i}`)
  }
  await new Promise<void>((resolve) => store.barrier(resolve))
}

async function checkFilled(store: Store, texts: string[]): Promise<void> {
  assert.equal(store.logs.size, LOGS)
  for (let i = 0; i < LOGS; i++) {
    const log = store.logs.get(`log${i}`) as MessageLog
    assert.deepEqual(log.meta, { i })
    assert.deepEqual(
      (await readAll(log)).map(({ payload }) => payload),
      texts.map((text) => `${text} ${i}`),
    )
  }
}

function states(fileSystem: SimulatedFileSystem): number {
  return fileSystem.paths().filter((path) => path.endsWith('/state.json')).length
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

test('a stop writes no files of its own for each of many logs, and what they have comes back', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const texts: string[] = []
  for (const text of ['first', 'second', 'third']) {
    const store = await open(fileSystem)
    await checkFilledSoFar(store, texts)
    await filled(store, text)
    texts.push(text)
    const before = fileSystem.operations
    await store.close()
    assert.ok(fileSystem.operations - before < 20, 'a few operations, however many logs there are')
    assert.equal(states(fileSystem), 0)
  }
  const store = await open(fileSystem.restart(2))
  await checkFilled(store, texts)
  await store.close()
})

async function checkFilledSoFar(store: Store, texts: string[]): Promise<void> {
  if (texts.length > 0) await checkFilled(store, texts)
}

test('many logs are carried over when it is worth it, and nothing is replayed then', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const store = await open(fileSystem, NOTHING_LEFT)
  await filled(store, 'first')
  await store.close()
  assert.equal(states(fileSystem), LOGS)
  for (const path of fileSystem.paths()) if (path.endsWith('.journal')) await fileSystem.remove(path)
  const again = await open(fileSystem)
  await checkFilled(again, ['first'])
  await again.close()
})

test('damage to the last that was stored before such a stop is told', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const store = await open(fileSystem)
  await filled(store, 'first')
  append(store.logs.get('log7') as MessageLog, 'the last')
  await new Promise<void>((resolve) => store.barrier(resolve))
  await store.close()
  const [path, content] = [...fileSystem.contents()].find(
    ([name, bytes]) => name.endsWith('.journal') && bytes.includes('the last'),
  ) as [string, Buffer]
  fileSystem.flip(path, content.lastIndexOf('the last') * 8)
  const again = await open(fileSystem)
  const log = again.logs.get('log7') as MessageLog
  assert.equal(log.lost.count, 1)
  assert.equal((await readAll(log)).length, 1)
  await again.close()
})

test('a stop does not wait for a checkpoint of many logs that has begun', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const clock = new SimulatedClock()
  const limits: Partial<StoreLimits> = { replayBytes: 50_000, journalBytesPerLog: 100, fewLogs: 10 }
  const store = await open(fileSystem)
  await filled(store, 'first')
  await store.close()
  const again = await open(fileSystem, limits, clock)
  // What was replayed is carried over now.
  clock.advance(1000)
  for (let i = 0; i < 10_000 && states(fileSystem) < 20; i++) await Promise.resolve()
  const begun = states(fileSystem)
  assert.ok(begun > 0 && begun < LOGS / 2)
  Object.assign(again.limits, { replayBytes: Number.POSITIVE_INFINITY, journalBytesPerLog: 1e9 })
  await again.close()
  assert.ok(states(fileSystem) < LOGS / 2)
  const last = await open(fileSystem.restart(3))
  await checkFilled(last, ['first'])
  await last.close()
})

test('files of a log that is deleted, and of a segment that is emptied, go without all other logs being carried over', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const clock = new SimulatedClock()
  const limits = { segmentBytes: 4096, chunkBits: 10 }
  const first = await open(fileSystem, { ...limits, ...NOTHING_LEFT }, clock)
  await filled(first, 'first')
  for (let i = 0; i < 100; i++) append(first.logs.get('log1') as MessageLog, 'x'.repeat(100))
  await new Promise<void>((resolve) => first.barrier(resolve))
  await first.close()
  const store = await open(fileSystem, limits, clock)
  await filled(store, 'second')
  const [gone, emptied, other] = [0, 1, 2].map((i) => store.logs.get(`log${i}`) as MessageLog)
  const filesOf = (log: MessageLog): string[] =>
    fileSystem.paths().filter((path) => path.startsWith(`store/logs/${log.id}/`))
  const stateOf = (log: MessageLog): string | undefined =>
    fileSystem.contents().get(`store/logs/${log.id}/state.json`)?.toString()
  const before = stateOf(other)
  const filesBefore = filesOf(emptied).length
  store.deleteLog(gone)
  emptied.removeThrough(90)
  store.commit()
  for (let i = 0; i < 4; i++) {
    clock.advance(1000)
    await settled()
  }
  assert.deepEqual(filesOf(gone), [])
  assert.ok(filesOf(emptied).length < filesBefore)
  assert.equal(stateOf(other), before)
  await store.close()
  const again = await open(fileSystem.restart(4), limits, clock)
  assert.equal(again.logs.size, LOGS - 1)
  assert.equal((again.logs.get('log1') as MessageLog).firstSeq, 91)
  assert.equal((await readAll(again.logs.get('log2') as MessageLog)).length, 2)
  await again.close()
})

test('records of many ledgers of a log are replayed without a look at each of them', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const limits = { firstJournalBytes: 16 * 1024 * 1024, overloadBytes: 64 * 1024 * 1024 }
  const store = await open(fileSystem, limits)
  const log = store.createLog('log', {}, { inMemory: false })
  const ledgers = Array.from({ length: 3000 }, (_, i) => log.createLedger(`ledger${i}`, {}))
  const entry = Buffer.from('entry')
  for (let round = 0; round < 50; round++)
    for (const each of ledgers) each.append(entry, 0, entry.length, false)
  await new Promise<void>((resolve) => store.barrier(resolve))
  const startedMs = performance.now()
  const again = await open(fileSystem.killed(1), limits)
  // A look at each of them for each record takes half a minute.
  assert.ok(performance.now() - startedMs < 10_000)
  for (const each of again.logs.get('log')?.ledgers.values() ?? [])
    assert.equal(each.recovered?.entries.length, 50)
  await again.close()
})

test('what could not be made durable in the middle of a checkpoint is carried over by the next', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const clock = new SimulatedClock()
  const limits = {
    ...NOTHING_LEFT,
    firstJournalBytes: 64 * 1024,
    journalBytes: 64 * 1024,
    layoutBytes: 64 * 1024,
  }
  const store = await Store.open({ directory: 'store', fileSystem, clock, limits, syncInterval: 1e9 })
  let syncs = 0
  fileSystem.fault = (name, path) => {
    if (name !== 'sync' || !path.endsWith('.journal') || states(fileSystem) < 20 || syncs++ > 0) return null
    return Object.assign(new Error('EMFILE: no'), { code: 'EMFILE' })
  }
  await filled(store, 'first')
  for (let i = 0; i < 5; i++) {
    clock.advance(1000)
    await settled()
  }
  assert.ok(syncs > 0)
  assert.equal(store.shortage, null)
  const again = await open(fileSystem.afterKill(1))
  await checkFilled(again, ['first'])
  await again.close()
  await store.close()
})
