/** The power fails at every file operation of a seeded workload: what was acknowledged is there afterwards. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type MessageLog, Store, type StoreLimits } from '../../src/storage/index.ts'
import { crashOnce } from '../torture/power.ts'
import { readAll } from './read-all.ts'
import { SMALL_LIMITS } from './small-limits.ts'

const SEEDS = Number(process.env.CRASH_SEEDS ?? 4)
const ROUNDS = 60

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`nothing acknowledged is lost, whichever file operation the power fails at (seed ${seed})`, async () => {
    let points = 0
    for (let crashAt = 1; ; crashAt++) {
      const { crashed, failure } = await crashOnce(seed, crashAt, ROUNDS)
      assert.equal(failure, null)
      if (!crashed) break
      points++
    }
    assert.ok(points > 100, `${points} crash points`)
  })
}

test('a log that was deleted does not take along one of its name that was made later', async () => {
  // Found by the torture: a crash while the later one's first state is written.
  for (let crashAt = 195; crashAt < 225; crashAt++) {
    assert.equal((await crashOnce(382, crashAt, ROUNDS)).failure, null)
  }
})

test('what a process that was killed had renamed and not synced is made sure of before it is built upon', async () => {
  // Found by the torture: a kill, a start, and then the power failure.
  for (const [seed, crashAt] of [
    [122, 40],
    [104, 328],
    [185, 265],
    [194, 511],
    [5044, 301],
  ]) {
    assert.equal((await crashOnce(seed, crashAt, ROUNDS)).failure, null)
  }
})

/** Runs `work` on a new machine until it is over, or the power fails at an operation (0: never). */
async function runUntil(
  crashAt: number,
  limits: Partial<StoreLimits>,
  work: (store: Store, fileSystem: SimulatedFileSystem) => Promise<void>,
): Promise<SimulatedFileSystem> {
  const fileSystem = new SimulatedFileSystem(1)
  fileSystem.crashAt = crashAt
  const crash = fileSystem.untilCrash()
  const run = async () => {
    const store = await Store.open({ directory: 'store', fileSystem, clock: new SimulatedClock(), limits })
    store.onNeedsCommit = () => queueMicrotask(() => store.commit())
    await work(store, fileSystem)
    fileSystem.hasCrashed = true
  }
  await Promise.race([run(), crash])
  return fileSystem
}

/** The operations of a name when `work` is not disturbed. */
async function operationsOf(
  name: string,
  limits: Partial<StoreLimits>,
  work: (store: Store, fileSystem: SimulatedFileSystem) => Promise<void>,
): Promise<number[]> {
  const found: number[] = []
  await runUntil(0, limits, async (store, fileSystem) => {
    fileSystem.fault = (operation) => {
      if (operation === name) found.push(fileSystem.operations)
      return null
    }
    await work(store, fileSystem)
  })
  return found
}

const RESTARTS = 40

/** Looks at what is there after a power failure, in each of the ways in which the disk may have come out of it. */
async function afterRestarts(
  fileSystem: SimulatedFileSystem,
  limits: Partial<StoreLimits>,
  look: (store: Store, restart: number) => Promise<void>,
): Promise<void> {
  for (let restart = 1; restart <= RESTARTS; restart++) {
    const after = fileSystem.restart(restart)
    const store = await Store.open({
      directory: 'store',
      fileSystem: after,
      clock: new SimulatedClock(),
      limits,
    })
    await look(store, restart)
    await store.close()
  }
}

/** Commits, and leaves the checkpoints some turns: so that they keep up, and files are used again. */
async function commit(store: Store, turns = 0): Promise<void> {
  await new Promise<void>((resolve) => store.barrier(resolve))
  for (let i = 0; i < turns; i++) await Promise.resolve()
}

function append(log: MessageLog, length: number): number {
  return log.append(Buffer.from('s'), 0, 1, Buffer.alloc(length, 'x'), 0, 0, length, 1, 2)
}

test('what is torn on a journal file that is used again is nothing of the past, for a log that had been quiet', async () => {
  const limits = { ...SMALL_LIMITS, segmentBytes: 64 * 1024 }
  // `busy` turns the journal's files over; `quiet` has messages in the first checkpoint, and then much later.
  const QUIET_ROUNDS = 23
  let wakesAt = 0
  let acknowledged = 0
  const work = async (store: Store, fileSystem: SimulatedFileSystem) => {
    acknowledged = 0
    const busy = store.createLog('busy', {}, { inMemory: false })
    const quiet = store.createLog('quiet', {}, { inMemory: false })
    append(quiet, 50)
    for (let round = 0; round < QUIET_ROUNDS + 14; round++) {
      if (round === QUIET_ROUNDS) wakesAt = fileSystem.operations
      append(busy, 500)
      // Behind the first sector, and before the end of what was there.
      const seqs = round < QUIET_ROUNDS ? [] : [append(quiet, 50), append(quiet, 50), append(quiet, 50)]
      append(busy, 300)
      await commit(store)
      acknowledged = seqs.at(-1) ?? acknowledged
      await commit(store, 400)
    }
  }
  let points = 0
  const writes = await operationsOf('writeDurable', limits, work)
  for (const crashAt of writes.filter((operation) => operation > wakesAt)) {
    const fileSystem = await runUntil(crashAt, limits, work)
    await afterRestarts(fileSystem, limits, async (store, restart) => {
      const log = store.logs.get('quiet') as MessageLog
      const place = `crash at operation ${crashAt}, restart ${restart}`
      assert.equal(log.lost.count, 0, place)
      assert.ok(log.messages >= acknowledged, `${log.messages} of ${acknowledged}, ${place}`)
      points++
    })
  }
  assert.ok(points > 400, `${points} crash points`)
})

test('a segment that was rewritten is there before a state names it, with no message in between', async () => {
  const limits = { ...SMALL_LIMITS, firstJournalBytes: 2048, journalBytes: 2048 }
  const expected = 12
  let isReady = false
  const work = async (store: Store) => {
    isReady = false
    const log = store.createLog('log', {}, { inMemory: false })
    const ledger = log.createLedger('ledger', {})
    ledger.snapshot = () => Buffer.alloc(0)
    for (let i = 0; i < 60; i++) {
      append(log, 100)
      if (i % 6 === 0) await commit(store)
    }
    // Entries of the ledger turn the journal's files over, so that there is a checkpoint each time.
    const turnOver = async () => {
      for (let i = 0; i < 12; i++) {
        ledger.append(Buffer.alloc(200), 0, 200, true)
        await commit(store, 200)
      }
    }
    await turnOver()
    for (let seq = 1; seq <= 60; seq++) if (seq % 5 !== 0) log.remove(seq)
    await commit(store)
    isReady = true
    for (let i = 0; i < 3; i++) await turnOver()
  }
  let points = 0
  for (const crashAt of await operationsOf('syncDirectory', limits, work)) {
    const fileSystem = await runUntil(crashAt, limits, work)
    if (!isReady) continue
    await afterRestarts(fileSystem, limits, async (store, restart) => {
      const log = store.logs.get('log') as MessageLog
      assert.equal((await readAll(log)).length, expected, `crash at operation ${crashAt}, restart ${restart}`)
      points++
    })
  }
  assert.ok(points > 200, `${points} crash points`)
})

test('a build that skips the fdatasync is caught', async () => {
  let caught = 0
  for (let crashAt = 20; crashAt < 120; crashAt++) {
    const { failure } = await crashOnce(1, crashAt, ROUNDS, { ignoresSync: true })
    if (failure !== null) caught++
  }
  assert.ok(caught > 50, `${caught} of 100`)
})
