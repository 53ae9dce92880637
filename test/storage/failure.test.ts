/** A store that can not write says so, goes on reading, and never takes a failed write for done. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type MessageLog, Store } from '../../src/storage/index.ts'
import { readAll } from './read-all.ts'
import { SMALL_LIMITS } from './small-limits.ts'

function open(fileSystem: SimulatedFileSystem, clock = new SimulatedClock()): Promise<Store> {
  return Store.open({ directory: 'store', fileSystem, clock, limits: SMALL_LIMITS })
}

function append(log: MessageLog, text: string): void {
  const subject = Buffer.from('s')
  const body = Buffer.from(text)
  log.append(subject, 0, 1, body, 0, 0, body.length, 1, 1)
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

for (const code of ['EIO', 'EROFS']) {
  test(`a commit that fails with ${code} makes the store read-only`, async () => {
    const fileSystem = new SimulatedFileSystem(1)
    const store = await open(fileSystem)
    const log = store.createLog('log', {}, { inMemory: false })
    append(log, 'durable')
    await new Promise<void>((resolve) => store.barrier(resolve))
    let told: Error | null = null
    store.writability.onFailure = (error) => {
      told = error
    }
    fileSystem.fault = (name, path) =>
      name === 'writeDurable' && path.endsWith('.journal')
        ? Object.assign(new Error(`${code}: no`), { code })
        : null
    let isDone = false
    append(log, 'lost')
    store.barrier(() => {
      isDone = true
    })
    await settled()
    assert.equal((store.failure as NodeJS.ErrnoException | null)?.code, code)
    assert.equal(told, store.failure)
    // The disk works again: what failed is not taken for written all the same.
    fileSystem.fault = null
    append(log, 'later')
    store.commit()
    await settled()
    assert.equal(isDone, false)
    assert.equal(log.committedSeq, 1)
    assert.deepEqual(
      (await readAll(log)).map((each) => each.payload),
      ['durable'],
    )
    await store.close()
    const again = await open(fileSystem)
    assert.deepEqual(
      (await readAll(again.logs.get('log') as MessageLog)).map((each) => each.payload),
      ['durable'],
    )
    await again.close()
  })
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: no`), { code })
}

/** Lets time pass, and what follows from it happen. */
async function pass(clock: SimulatedClock, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    clock.advance(1000)
    await settled()
  }
}

for (const [what, isFull] of [
  ['committing', (name: string, path: string) => name === 'writeDurable' && path.endsWith('.journal')],
  ['laying out the journal', (name: string, path: string) => name === 'write' && path.endsWith('.journal')],
  ['writing anything', (name: string) => name.startsWith('write')],
  ['opening a file', (name: string) => name === 'open'],
] as const) {
  const code = what === 'opening a file' ? 'EMFILE' : 'ENOSPC'
  test(`when ${what} fails with ${code} nothing new is taken, and it goes on when there is space`, async () => {
    const fileSystem = new SimulatedFileSystem(1)
    const clock = new SimulatedClock()
    const store = await open(fileSystem, clock)
    const log = store.createLog('log', {}, { inMemory: false })
    append(log, 'durable')
    await new Promise<void>((resolve) => store.barrier(resolve))
    const told: string[] = []
    store.writability.onShortage = (error) => told.push((error as NodeJS.ErrnoException).code ?? '')
    store.writability.onRelief = () => told.push('relief')
    fileSystem.fault = (name, path) => (isFull(name, path) ? failure(code) : null)
    let appended = 1
    for (; appended < 2000 && store.shortage === null; appended++) {
      append(log, `${appended} ${'x'.repeat(200)}`)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual(told, [code])
    let isDone = false
    store.barrier(() => {
      isDone = true
    })
    await pass(clock, 3)
    assert.equal(store.failure, null)
    assert.deepEqual(told, [code], 'it is told once')
    assert.equal((await readAll(log))[0].payload, 'durable', 'reading goes on')
    fileSystem.fault = null
    await pass(clock, 4)
    assert.equal(isDone, true)
    assert.equal(store.shortage, null)
    assert.deepEqual(told, [code, 'relief'])
    append(log, 'later')
    await new Promise<void>((resolve) => store.barrier(resolve))
    assert.equal((await readAll(log)).length, appended + 1)
    fileSystem.hasCrashed = true
    const again = await open(fileSystem.restart(3))
    assert.equal((await readAll(again.logs.get('log') as MessageLog)).length, appended + 1)
    await again.close()
  })
}

test('on a full disk what is deleted makes room', async () => {
  const fileSystem = new SimulatedFileSystem(5)
  const clock = new SimulatedClock()
  const store = await open(fileSystem, clock)
  const capacity = 60_000
  fileSystem.fault = (name, path) =>
    (name === 'write' || name === 'open') && !path.endsWith('.json.tmp') && fileSystem.usedBytes() > capacity
      ? failure('ENOSPC')
      : null
  const kept = store.createLog('kept', {}, { inMemory: false })
  const doomed = store.createLog('doomed', {}, { inMemory: false })
  append(kept, 'first')
  let appended = 0
  for (; appended < 2000 && store.shortage === null; appended++) {
    append(doomed, 'x'.repeat(200))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((store.shortage as NodeJS.ErrnoException | null)?.code, 'ENOSPC')
  assert.ok(appended > 100)
  store.deleteLog(doomed)
  store.commit()
  await pass(clock, 5)
  assert.equal(store.shortage, null)
  append(kept, 'second')
  await new Promise<void>((resolve) => store.barrier(resolve))
  await store.close()
  const again = await open(fileSystem)
  assert.deepEqual([...again.logs.keys()], ['kept'])
  assert.deepEqual(
    (await readAll(again.logs.get('kept') as MessageLog)).map((each) => each.payload),
    ['first', 'second'],
  )
  await again.close()
})

test('a store is closed while the disk is full, and has what was durable', async () => {
  for (const part of ['journal', 'segment', 'json.tmp']) {
    const fileSystem = new SimulatedFileSystem(7)
    const clock = new SimulatedClock()
    const store = await open(fileSystem, clock)
    const log = store.createLog('log', {}, { inMemory: false })
    for (let i = 0; i < 10; i++) append(log, `durable ${i}`)
    await new Promise<void>((resolve) => store.barrier(resolve))
    fileSystem.fault = (name, path) =>
      name.startsWith('write') && path.endsWith(part) ? failure('ENOSPC') : null
    append(log, 'maybe')
    await settled()
    await store.close()
    fileSystem.fault = null
    const again = await open(fileSystem)
    const read = await readAll(again.logs.get('log') as MessageLog)
    assert.ok(read.length >= 10, part)
    await again.close()
  }
})

test('when too much waits for space the store is given up', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const store = await open(fileSystem)
  const log = store.createLog('log', {}, { inMemory: false })
  await new Promise<void>((resolve) => store.barrier(resolve))
  fileSystem.fault = (name) => (name.startsWith('write') ? failure('ENOSPC') : null)
  for (let i = 0; i < 2000 && store.failure === null; i++) {
    append(log, 'x'.repeat(1000))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.match(store.failure?.message ?? '', /too much waits for space/)
  const before = store.journal?.pendingBytes ?? 0
  for (let i = 0; i < 100; i++) append(log, 'x'.repeat(1000))
  assert.ok((store.journal?.pendingBytes ?? 0) <= before + 2000, 'nothing is kept that can not be written')
  await store.close()
})

test('a log deleted in the middle of a checkpoint disturbs nothing', async () => {
  for (let moment = 0; moment < 60; moment++) {
    const fileSystem = new SimulatedFileSystem(moment)
    const store = await open(fileSystem)
    const log = store.createLog('log', {}, { inMemory: false })
    const other = store.createLog('other', {}, { inMemory: false })
    for (let i = 0; i < 40; i++) {
      append(log, 'x'.repeat(100))
      append(other, 'y'.repeat(100))
      if (i % 3 === 0) await new Promise<void>((resolve) => store.barrier(resolve))
    }
    for (let i = 0; i < moment; i++) await Promise.resolve()
    store.deleteLog(log)
    await new Promise<void>((resolve) => store.barrier(resolve))
    await settled()
    assert.equal(store.failure, null, `moment ${moment}`)
    await store.close()
    const again = await open(fileSystem)
    assert.deepEqual([...again.logs.keys()], ['other'])
    assert.equal((await readAll(again.logs.get('other') as MessageLog)).length, 40)
    await again.close()
  }
})
