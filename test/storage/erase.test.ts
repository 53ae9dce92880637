/** What is erased is found nowhere in the store's files, and its neighbours are as they were: also when the power fails on the way. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type Encryption, type MessageLog, Store } from '../../src/storage/index.ts'
import { readAll } from './read-all.ts'
import { SMALL_LIMITS } from './small-limits.ts'

const ENCRYPTION: Encryption = { cipher: 'chacha', key: 'k', cost: 16 }
/** Until everything that was begun has come to its end. */
const TURNS = 300
/** Until what a start has to do has begun. */
const SOON_TURNS = 10

async function open(
  fileSystem: SimulatedFileSystem,
  clock = new SimulatedClock(),
  encryption?: Encryption,
): Promise<Store> {
  const store = await Store.open({
    directory: 'store',
    fileSystem,
    clock,
    limits: SMALL_LIMITS,
    ...(encryption === undefined ? {} : { encryption }),
  })
  store.onNeedsCommit = () => queueMicrotask(() => store.commit())
  return store
}

function logOf(store: Store): MessageLog {
  return store.logs.get('log') ?? store.createLog('log', {}, { inMemory: false })
}

const secretOf = (seq: number): string => `secret-${seq}-of-the-log;`

function append(log: MessageLog, padding: number): void {
  const seq = log.lastSeq + 1
  const subject = Buffer.from(`s.subject-${seq};`)
  const body = Buffer.from(secretOf(seq) + 'x'.repeat(padding))
  log.append(subject, 0, subject.length, body, 0, 0, body.length, 1, seq)
}

const durable = (store: Store): Promise<void> => new Promise((resolve) => store.barrier(resolve))

/** Time goes on, and what is written behind is written. */
async function settle(clock: SimulatedClock, turns = TURNS): Promise<void> {
  for (let i = 0; i < turns; i++) {
    clock.advance(100)
    await new Promise(setImmediate)
  }
}

/** Files that have something of a message. */
function filesWith(fileSystem: SimulatedFileSystem, seq: number): string[] {
  const found: string[] = []
  for (const [path, content] of fileSystem.contents()) {
    if (content.includes(secretOf(seq)) || content.includes(`s.subject-${seq};`)) found.push(path)
  }
  return found
}

async function seqs(log: MessageLog): Promise<number[]> {
  const all = await readAll(log)
  for (const { seq, payload } of all) assert.ok(payload.startsWith(secretOf(seq)), `${seq} is as it was`)
  return all.map(({ seq }) => seq)
}

/** Messages that are in the journal alone, in the segment in use, and in sealed ones. */
const WHERE = {
  'in the journal only': { messages: 4, padding: 10, isSettled: false },
  'in the segment in use': { messages: 4, padding: 10, isSettled: true },
  'in sealed segments': { messages: 40, padding: 300, isSettled: true },
  'larger than a segment and a journal file': { messages: 5, padding: 20_000, isSettled: true },
  'large, in the journal only': { messages: 5, padding: 20_000, isSettled: false },
}

for (const [where, { messages, padding, isSettled }] of Object.entries(WHERE)) {
  for (const isRestarted of [false, true]) {
    test(`a message ${where} is overwritten${isRestarted ? ' after a restart' : ''}`, async () => {
      const fileSystem = new SimulatedFileSystem(1)
      const clock = new SimulatedClock()
      let store = await open(fileSystem, clock)
      let log = logOf(store)
      for (let i = 0; i < messages; i++) append(log, padding)
      await durable(store)
      if (isSettled) await settle(clock)
      if (isRestarted) {
        await store.close()
        store = await open(fileSystem, clock)
        log = logOf(store)
      }
      const left = Array.from({ length: messages }, (_, i) => i + 1)
      for (const seq of [3, 1, messages]) {
        assert.notDeepEqual(filesWith(fileSystem, seq), [], 'it is there before')
        assert.ok(log.erase(seq))
        assert.equal(log.erase(seq), false)
        await store.erased()
        assert.deepEqual(filesWith(fileSystem, seq), [])
        left.splice(left.indexOf(seq), 1)
        assert.deepEqual(await seqs(log), left)
      }
      // The stream goes on as it was, and so does the next process.
      append(log, padding)
      left.push(messages + 1)
      await durable(store)
      assert.deepEqual(await seqs(log), left)
      await store.close()
      store = await open(fileSystem, clock)
      assert.deepEqual(await seqs(logOf(store)), left)
      assert.equal(logOf(store).lost.count, 0)
      await store.close()
    })
  }
}

test('what is removed without being erased is on the disk until its segment is rewritten', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const store = await open(fileSystem)
  const log = logOf(store)
  for (let i = 0; i < 4; i++) append(log, 10)
  assert.ok(log.remove(2))
  await durable(store)
  await store.erased()
  assert.notDeepEqual(filesWith(fileSystem, 2), [])
  await store.close()
})

test('many that are erased at once share the work, and no segment is left behind for each', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const clock = new SimulatedClock()
  const store = await open(fileSystem, clock)
  const log = logOf(store)
  for (let round = 0; round < 30; round++) {
    append(log, 10)
    append(log, 10)
    log.erase(log.lastSeq - 1)
    await store.erased()
  }
  await settle(clock)
  assert.equal(log.messages, 30)
  assert.ok(log.segments.length <= 3, `${log.segments.length} segments`)
  const before = fileSystem.operations
  for (let seq = 2; seq <= 58; seq += 2) assert.ok(log.erase(seq))
  await store.erased()
  assert.ok(fileSystem.operations - before < 120, `${fileSystem.operations - before} operations`)
  for (let seq = 1; seq < 60; seq++) assert.deepEqual(filesWith(fileSystem, seq), [])
  assert.deepEqual(await seqs(log), [60])
  await store.close()
})

test('of an encrypted store nothing is left that the message was encrypted to', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const clock = new SimulatedClock()
  const store = await open(fileSystem, clock, ENCRYPTION)
  const log = logOf(store)
  const body = randomBytes(5000)
  const subject = Buffer.from('s')
  for (let i = 0; i < 2; i++) log.append(subject, 0, 1, body, 0, 0, body.length, 1, 2)
  await durable(store)
  await settle(clock)
  const before = fileSystem.contents()
  log.erase(1)
  log.erase(2)
  await store.erased()
  const after = [...fileSystem.contents().values()]
  let looked = 0
  for (const [path, content] of before) {
    if (!/journal$|segment$/.test(path)) continue
    for (let at = 256; at + 32 <= content.length; at += 256) {
      const part = content.subarray(at, at + 32)
      if (part.every((byte) => byte === 0)) continue
      looked++
      assert.ok(!after.some((each) => each.includes(part)), `${path} at ${at}`)
    }
  }
  assert.ok(looked > 20, `${looked} places`)
  await store.close()
})

test('what can not be read now is erased later, and whoever waits is told', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const clock = new SimulatedClock()
  const store = await open(fileSystem, clock)
  const log = logOf(store)
  for (let i = 0; i < 40; i++) append(log, 300)
  await durable(store)
  await settle(clock)
  fileSystem.fault = (operation, path) =>
    operation === 'readFile' && path.endsWith('.segment') ? new Error('EIO: i/o error') : null
  assert.ok(log.erase(3))
  await assert.rejects(store.erased(), /can't be read now/)
  assert.equal(store.failure, null)
  assert.equal(log.has(3), false)
  assert.notDeepEqual(filesWith(fileSystem, 3), [])
  await settle(clock)
  // A process that is killed now leaves it to the next.
  const after = fileSystem.afterKill(1)
  fileSystem.fault = null
  await settle(clock)
  await store.erased()
  assert.deepEqual(filesWith(fileSystem, 3), [])
  await store.close()
  const again = await open(after, clock)
  assert.equal(logOf(again).has(3), false)
  await settle(clock)
  await again.erased()
  assert.deepEqual(filesWith(after, 3), [])
  assert.equal((await seqs(logOf(again))).length, 39)
  await again.close()
})

for (const isKill of [true, false]) {
  test(`${isKill ? 'a kill' : 'a power failure'} at any step leaves the message, or nothing of it`, async () => {
    let erased = 0
    let kept = 0
    for (let crashAt = 1; ; crashAt++) {
      const fileSystem = new SimulatedFileSystem(crashAt)
      const clock = new SimulatedClock()
      const store = await open(fileSystem, clock)
      const log = logOf(store)
      // Some in a sealed segment, one in the segment in use, and the last in the journal alone.
      for (let i = 0; i < 12; i++) append(log, 300)
      await durable(store)
      await settle(clock)
      append(log, 10)
      await durable(store)
      fileSystem.operations = 0
      fileSystem.crashAt = crashAt
      const crash = fileSystem.untilCrash()
      let isAnswered = false
      const erasing = async (): Promise<void> => {
        for (const seq of [2, 12, 13]) log.erase(seq)
        await store.erased()
        isAnswered = true
      }
      await Promise.race([erasing(), crash])
      fileSystem.hasCrashed = true
      const machine = isKill ? fileSystem.afterKill(crashAt) : fileSystem.restart(crashAt)
      const next = new SimulatedClock()
      const again = await open(machine, next)
      const found = await seqs(logOf(again))
      const isGone = !found.includes(2)
      assert.equal(logOf(again).lost.count, 0)
      const all = Array.from({ length: 13 }, (_, i) => i + 1)
      assert.deepEqual(found, isGone ? all.filter((seq) => ![2, 12, 13].includes(seq)) : all)
      if (isAnswered) {
        assert.ok(isGone)
        for (const seq of [2, 12, 13]) assert.deepEqual(filesWith(machine, seq), [], `crash at ${crashAt}`)
      }
      // Before the journal gives back the files that it has too many of.
      await settle(next, SOON_TURNS)
      await again.erased()
      if (isGone)
        for (const seq of [2, 12, 13]) assert.deepEqual(filesWith(machine, seq), [], `crash at ${crashAt}`)
      await again.close()
      if (isGone) erased++
      else kept++
      if (isAnswered) break
    }
    assert.ok(kept > 0 && erased > 20, `${kept} kept, ${erased} erased`)
  })
}
