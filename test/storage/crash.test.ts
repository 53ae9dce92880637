/** The power fails at every file operation of a seeded workload: what was acknowledged is there afterwards. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type MessageLog, Store } from '../../src/storage/index.ts'
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
    [104, 328],
    [185, 265],
    [194, 511],
    [5044, 301],
  ]) {
    assert.equal((await crashOnce(seed, crashAt, ROUNDS)).failure, null)
  }
})

test('what is torn on a journal file that is used again is nothing of the past, for a log that had been quiet', async () => {
  const limits = { ...SMALL_LIMITS, segmentBytes: 64 * 1024 }
  const append = (log: MessageLog, length: number) => {
    const subject = Buffer.from('s')
    const body = Buffer.alloc(length, 'x')
    return log.append(subject, 0, subject.length, body, 0, 0, body.length, 1, 2)
  }
  // `busy` turns the journal's files over; `quiet` has messages in the first checkpoint, and then much later.
  const QUIET_ROUNDS = 23
  let wakesAt = 0
  /** Operations that were a write to the journal. */
  const writes: number[] = []
  const run = async (crashAt: number) => {
    const fileSystem = new SimulatedFileSystem(1)
    fileSystem.crashAt = crashAt
    fileSystem.fault = (operation) => {
      if (operation === 'writeDurable' && crashAt === 0) writes.push(fileSystem.operations)
      return null
    }
    const crash = new Promise<void>((resolve) => {
      fileSystem.onCrash = resolve
    })
    let acknowledged = 0
    const work = async () => {
      const store = await Store.open({ directory: 'store', fileSystem, clock: new SimulatedClock(), limits })
      store.onNeedsCommit = () => queueMicrotask(() => store.commit())
      const busy = store.createLog('busy', {}, { inMemory: false })
      const quiet = store.createLog('quiet', {}, { inMemory: false })
      append(quiet, 50)
      for (let round = 0; round < QUIET_ROUNDS + 14; round++) {
        if (round === QUIET_ROUNDS) wakesAt = fileSystem.operations
        append(busy, 500)
        // Behind the first sector, and before the end of what was there.
        const seqs = round < QUIET_ROUNDS ? [] : [append(quiet, 50), append(quiet, 50), append(quiet, 50)]
        append(busy, 300)
        await new Promise<void>((resolve) => store.barrier(resolve))
        acknowledged = seqs.at(-1) ?? acknowledged
        // So that checkpoints keep up, and files are used again.
        for (let i = 0; i < 400; i++) await Promise.resolve()
      }
      fileSystem.hasCrashed = true
    }
    await Promise.race([work(), crash])
    return { fileSystem, acknowledged }
  }
  await run(0)
  let points = 0
  for (const crashAt of writes.filter((operation) => operation > wakesAt)) {
    const { fileSystem, acknowledged } = await run(crashAt)
    for (let seed = 1; seed <= 40; seed++) {
      const store = await Store.open({
        directory: 'store',
        fileSystem: fileSystem.restart(seed),
        clock: new SimulatedClock(),
        limits,
      })
      const log = store.logs.get('quiet') as MessageLog
      const place = `crash at operation ${crashAt}, restart ${seed}`
      assert.equal(log.lost.count, 0, place)
      assert.ok(log.messages >= acknowledged, `${log.messages} of ${acknowledged}, ${place}`)
      await store.close()
      points++
    }
  }
  assert.ok(points > 400, `${points} crash points`)
})

test('a segment that was rewritten is there before a state names it, with no message in between', async () => {
  const limits = { ...SMALL_LIMITS, firstJournalBytes: 2048, journalBytes: 2048 }
  const expected = 12
  /** Operations that made entries of a folder durable. */
  const syncs: number[] = []
  const run = async (crashAt: number) => {
    const fileSystem = new SimulatedFileSystem(1)
    fileSystem.crashAt = crashAt
    const crash = new Promise<void>((resolve) => {
      fileSystem.onCrash = resolve
    })
    fileSystem.fault = (operation) => {
      if (operation === 'syncDirectory' && crashAt === 0) syncs.push(fileSystem.operations)
      return null
    }
    let isReady = false
    const work = async () => {
      const store = await Store.open({ directory: 'store', fileSystem, clock: new SimulatedClock(), limits })
      store.onNeedsCommit = () => queueMicrotask(() => store.commit())
      const log = store.createLog('log', {}, { inMemory: false })
      const ledger = log.createLedger('ledger', {})
      ledger.snapshot = () => Buffer.alloc(0)
      for (let i = 0; i < 60; i++) {
        log.append(Buffer.from('s'), 0, 1, Buffer.alloc(100, 'x'), 0, 0, 100, 1, 2)
        if (i % 6 === 0) await new Promise<void>((resolve) => store.barrier(resolve))
      }
      // Entries of the ledger turn the journal's files over, so that there is a checkpoint each time.
      const turnOver = async () => {
        for (let i = 0; i < 12; i++) {
          ledger.append(Buffer.alloc(200), 0, 200, true)
          await new Promise<void>((resolve) => store.barrier(resolve))
          for (let turn = 0; turn < 200; turn++) await Promise.resolve()
        }
      }
      await turnOver()
      for (let seq = 1; seq <= 60; seq++) if (seq % 5 !== 0) log.remove(seq)
      await new Promise<void>((resolve) => store.barrier(resolve))
      isReady = true
      for (let i = 0; i < 3; i++) await turnOver()
      fileSystem.hasCrashed = true
    }
    await Promise.race([work(), crash])
    return { fileSystem, isReady }
  }
  await run(0)
  let points = 0
  for (const crashAt of syncs) {
    const { fileSystem, isReady } = await run(crashAt)
    if (!isReady) continue
    for (let seed = 1; seed <= 40; seed++) {
      const store = await Store.open({
        directory: 'store',
        fileSystem: fileSystem.restart(seed),
        clock: new SimulatedClock(),
        limits,
      })
      const log = store.logs.get('log') as MessageLog
      assert.equal((await readAll(log)).length, expected, `crash at operation ${crashAt}, restart ${seed}`)
      await store.close()
      points++
    }
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
