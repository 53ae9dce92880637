/** A flipped bit costs only the record it is in: never its neighbours, never the log. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/ports/random.ts'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { decodeBatchHead } from '../../src/storage/format/journal-format.ts'
import { type MessageLog, ReadFailure, Store } from '../../src/storage/index.ts'
import { type Read, readAll, readOne } from './read-all.ts'
import { SMALL_LIMITS } from './small-limits.ts'

const ROUNDS = Number(process.env.DAMAGE_ROUNDS ?? 150)
const MESSAGES = 60

function open(
  fileSystem: SimulatedFileSystem,
  limits = SMALL_LIMITS,
  told: string[] = [],
  clock = new SimulatedClock(),
): Promise<Store> {
  const log = (level: string, text: string): number => told.push(`${level} ${text}`)
  return Store.open({ directory: 'store', fileSystem, clock, limits, log })
}

function append(log: MessageLog, random: Random): void {
  const subject = Buffer.from(`s.${random.below(4)}`)
  const body = Buffer.from(`${log.lastSeq + 1} ${'x'.repeat(random.below(150))}`)
  log.append(subject, 0, subject.length, body, 0, 0, body.length, 1_700_000_000, log.lastSeq)
}

async function filled(
  seed: number,
  limits = SMALL_LIMITS,
): Promise<{ fileSystem: SimulatedFileSystem; expected: Read[]; store: Store }> {
  const random = new Random(seed)
  const fileSystem = new SimulatedFileSystem(seed)
  const store = await open(fileSystem, limits)
  const log = store.createLog('log', { some: 'meta' }, { inMemory: false })
  const ledger = log.createLedger('reader', { its: 'meta' })
  for (let i = 0; i < MESSAGES; ) {
    for (let burst = 1 + random.below(6); burst > 0 && i < MESSAGES; burst--, i++) append(log, random)
    const entry = Buffer.from([i])
    ledger.append(entry, 0, 1, false)
    await new Promise<void>((resolve) => store.barrier(resolve))
  }
  return { fileSystem, expected: await readAll(log), store }
}

/** What is left is what was, but for one message at most. */
async function checkLoss(
  fileSystem: SimulatedFileSystem,
  expected: Read[],
  atMost: number,
  what: string,
): Promise<void> {
  const told: string[] = []
  const store = await open(fileSystem, SMALL_LIMITS, told)
  const log = store.logs.get('log')
  assert.ok(log !== undefined, `${what}: the log is there`)
  assert.deepEqual(log.meta, { some: 'meta' }, what)
  assert.deepEqual(log.ledgers.get('reader')?.meta, { its: 'meta' }, what)
  const found = await readAll(log)
  const left = new Set(found.map((each) => each.seq))
  const missing = expected.filter((each) => !left.has(each.seq))
  assert.ok(missing.length <= atMost, `${what}: ${missing.map((each) => each.seq)} are missing`)
  assert.deepEqual(
    found,
    expected.filter((each) => left.has(each.seq)),
    what,
  )
  assert.equal(log.messages, found.length, what)
  if (missing.length > 0) assert.ok(told.length > 0, `${what}: the loss is told`)
  // A damaged record says not always whose it is: the last of a log is not counted as its loss then.
  if (left.has(MESSAGES)) {
    assert.equal(log.lastSeq, MESSAGES, what)
    if (missing.length > 0) assert.ok(log.lost.count > 0, `${what}: the loss is counted`)
  }
  append(log, new Random(1))
  await new Promise<void>((resolve) => store.barrier(resolve))
  await store.close()
  const again = await open(fileSystem)
  const kept = again.logs.get('log') as MessageLog
  assert.deepEqual((await readAll(kept)).slice(0, -1), found, `${what}: after another restart`)
  assert.equal(kept.messages, found.length + 1)
  await again.close()
}

test('a bit flipped in a file after a clean stop costs one message at most', async () => {
  const random = new Random(20)
  for (let round = 0; round < ROUNDS; round++) {
    const { fileSystem, expected, store } = await filled(round + 1)
    await store.close()
    const paths = fileSystem.paths().filter((path) => !path.includes('/journal/'))
    const path = paths[round % paths.length]
    const bit = random.below((await fileSystem.size(path)) * 8)
    fileSystem.flip(path, bit)
    const isData = path.endsWith('.segment')
    await checkLoss(fileSystem, expected, isData ? 1 : 0, `round ${round}, ${path}, bit ${bit}`)
  }
})

test('a bit flipped in the journal after a crash costs one record at most', async () => {
  const random = new Random(21)
  // One journal file, and no checkpoint: everything is in it.
  const limits = { ...SMALL_LIMITS, firstJournalBytes: 65536, journalBytes: 65536 }
  for (let round = 0; round < ROUNDS; round++) {
    const { fileSystem, expected, store } = await filled(round + 1, limits)
    const path = fileSystem.paths().find((each) => each.endsWith('.journal')) as string
    const content = await fileSystem.readFile(path)
    // The last batch can't be told from a torn one: no bit of it is touched.
    const lastBatch = content.lastIndexOf(Buffer.from('CTRB'))
    assert.ok(lastBatch > 0)
    const bit = random.below(lastBatch * 8)
    fileSystem.hasCrashed = true
    const machine = fileSystem.restart(round)
    machine.flip(path, bit)
    await checkLoss(machine, expected, 1, `round ${round}, journal bit ${bit}`)
    assert.equal(store.failure, null)
  }
})

test('an index that is gone is made anew from its segment', async () => {
  const { fileSystem, expected, store } = await filled(5)
  await store.close()
  for (const path of fileSystem.paths()) if (path.endsWith('.index')) await fileSystem.remove(path)
  await checkLoss(fileSystem, expected, 0, 'without indexes')
})

test('the oldest message is another where the oldest turns out to be lost when it is asked for', async () => {
  const { fileSystem, expected, store } = await filled(5)
  await store.close()
  const first = fileSystem.paths().filter((path) => path.endsWith('.segment'))[0]
  await fileSystem.remove(first.replace('.segment', '.index'))
  // Opened with the index missing it is made anew at once; here it goes missing later.
  const reopened = await open(fileSystem)
  const log = reopened.logs.get('log') as MessageLog
  const [segment] = log.segments
  segment.columns = null
  for (const path of fileSystem.paths()) if (path.endsWith('.index')) await fileSystem.remove(path)
  fileSystem.flip(first, 2)
  assert.deepEqual(log.firstTime(), { sec: 1_700_000_000, nsec: expected[1].nsec })
  assert.equal(log.firstSeq, 2)
  assert.equal(log.remove(1), false)
  assert.equal(log.messages, MESSAGES - 1)
  await reopened.close()
})

for (const code of ['EIO', 'EMFILE', 'EACCES', 'ENOMEM', 'short']) {
  for (const place of ['index', 'segment']) {
    test(`messages whose ${place} can't be read now (${code}) are there as soon as it can be`, async () => {
      const { fileSystem, expected, store } = await filled(6)
      await store.close()
      const clock = new SimulatedClock()
      const reopened = await open(fileSystem, SMALL_LIMITS, [], clock)
      const log = reopened.logs.get('log') as MessageLog
      const failure = code === 'short' ? code : Object.assign(new Error(`${code}: no`), { code })
      let failed = 0
      fileSystem.fault = (operation, path) => {
        if (!operation.startsWith('read') || !path.endsWith(`.${place}`)) return null
        failed++
        return failure
      }
      for (const { seq } of expected) {
        // An index that the disk can't give is made anew from its data.
        const result = await readOne(log, seq).catch(() => null)
        if (place === 'segment' || !['EIO', 'short'].includes(code)) assert.equal(result, null)
        else assert.equal(result?.seq, seq)
      }
      assert.ok(failed > 0)
      if (place === 'index' && !['EIO', 'short'].includes(code)) {
        assert.throws(() => log.remove(expected[0].seq), ReadFailure)
        assert.throws(() => log.removeThrough(expected[40].seq), ReadFailure)
      }
      assert.equal(log.messages, MESSAGES)
      assert.equal(log.lost.count, 0)
      fileSystem.fault = null
      clock.advance(1000)
      assert.deepEqual(await readAll(log), expected)
      await reopened.close()
      const again = await open(fileSystem)
      assert.deepEqual(await readAll(again.logs.get('log') as MessageLog), expected)
      await again.close()
    })
  }
}

test('a store that can not be read when it is opened stays as it is, and is opened when it can be', async () => {
  const failures = ['EIO', 'EMFILE', 'EACCES', 'ENOMEM', 'short'] as const
  for (const code of failures) {
    const { fileSystem, expected, store } = await filled(8)
    // As after a kill: with a journal to replay.
    const killed = fileSystem.afterKill(1)
    await store.close()
    for (let at = 1, isOver = false; !isOver; at++) {
      let calls = 0
      killed.fault = () => {
        if (++calls !== at) return null
        return code === 'short' ? code : Object.assign(new Error(`${code}: no`), { code })
      }
      const opened = await open(killed).catch((error: Error) => error)
      isOver = calls < at
      killed.fault = null
      if (opened instanceof Store) await opened.close()
      const again = await open(killed)
      const log = again.logs.get('log') as MessageLog
      assert.deepEqual(await readAll(log), expected, `${code} at call ${at}`)
      assert.equal(log.lost.count, 0)
      assert.equal(again.failure, null)
      await again.close()
    }
  }
})

test('a batch that has a file of the journal to itself is found by its tail when its head is damaged', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const store = await open(fileSystem)
  const log = store.createLog('log', { some: 'meta' }, { inMemory: false })
  const random = new Random(1)
  const paths: string[] = []
  for (let batch = 0; batch < 3; batch++) {
    for (let i = 0; i < 40; i++) append(log, random)
    await new Promise<void>((resolve) => store.barrier(resolve))
    const used = fileSystem.paths().filter((path) => path.endsWith('.journal'))
    for (const path of used) if (!paths.includes(path)) paths.push(path)
  }
  const expected = await readAll(log)
  fileSystem.hasCrashed = true
  for (const path of paths) {
    const killed = fileSystem.afterKill(1)
    killed.flip(path, 9)
    const again = await open(killed)
    assert.deepEqual(await readAll(again.logs.get('log') as MessageLog), expected, path)
    await again.close()
  }
})

test('a journal file that is used again, and whose first sector is gone, is not taken for what it was before', async () => {
  const limits = { ...SMALL_LIMITS, firstJournalBytes: 4096, journalBytes: 4096, layoutBytes: 4096 }
  const fileSystem = new SimulatedFileSystem(1)
  const store = await open(fileSystem, limits)
  const log = store.createLog('log', {}, { inMemory: false })
  const commit = async (bytes: number) => {
    const body = Buffer.alloc(bytes, 'x')
    log.append(Buffer.from('s'), 0, 1, body, 0, 0, body.length, 1_700_000_000, 0)
    await new Promise<void>((resolve) => store.barrier(resolve))
    // A checkpoint keeps up: the file before is free when this one is full.
    for (let i = 0; i < 1000; i++) await Promise.resolve()
  }
  const newest = async () => {
    const files = fileSystem.paths().filter((path) => path.endsWith('.journal'))
    const heads = await Promise.all(
      files.map(async (path) => decodeBatchHead(await fileSystem.readFile(path), 0)),
    )
    const generations = heads.map((head) => head?.generation ?? 0)
    const generation = Math.max(...generations)
    return { path: files[generations.indexOf(generation)], generation }
  }
  // Each use of a file begins with a long batch, and one of short batches goes over it.
  while ((await newest()).generation < 2) await commit(2000)
  for (let file = 0; file < 6; file++) for (const bytes of [500, 500, 300, 2000]) await commit(bytes)
  const { generation, path: before } = await newest()
  while ((await newest()).generation === generation) await commit(60)
  const { path } = await newest()
  assert.notEqual(path, before)
  for (let i = 0; i < 6; i++) await commit(60)
  const last = log.lastSeq
  fileSystem.hasCrashed = true
  const killed = fileSystem.afterKill(1)
  killed.zeroSector(path, 0)
  const told: string[] = []
  const again = await open(killed, limits, told)
  const kept = again.logs.get('log') as MessageLog
  assert.equal(kept.lastSeq, last, told.join('\n'))
  assert.ok(kept.lost.count > 0 && kept.lost.count < 7, `${kept.lost.count} lost`)
  await again.close()
})
