/** A store that can not write says so, goes on reading, and never takes a failed write for done. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type MessageLog, Store } from '../../src/storage/index.ts'
import { readAll } from './read-all.ts'
import { SMALL_LIMITS } from './small-limits.ts'

function open(fileSystem: SimulatedFileSystem): Promise<Store> {
  return Store.open({ directory: 'store', fileSystem, clock: new SimulatedClock(), limits: SMALL_LIMITS })
}

function append(log: MessageLog, text: string): void {
  const subject = Buffer.from('s')
  const body = Buffer.from(text)
  log.append(subject, 0, 1, body, 0, 0, body.length, 1, 1)
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

for (const [operation, code] of [
  ['writeDurable', 'EIO'],
  ['writeDurable', 'ENOSPC'],
] as const) {
  test(`a commit that fails with ${code} makes the store read-only`, async () => {
    const fileSystem = new SimulatedFileSystem(1)
    const store = await open(fileSystem)
    const log = store.createLog('log', {}, { inMemory: false })
    append(log, 'durable')
    await new Promise<void>((resolve) => store.barrier(resolve))
    let told: Error | null = null
    store.onFailure = (error) => {
      told = error
    }
    fileSystem.fault = (name, path) =>
      name === operation && path.endsWith('.journal')
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

test('a disk that is full while a journal file is laid out is told', async () => {
  const fileSystem = new SimulatedFileSystem(2)
  const store = await open(fileSystem)
  const log = store.createLog('log', {}, { inMemory: false })
  await new Promise<void>((resolve) => store.barrier(resolve))
  fileSystem.fault = (name, path) =>
    name === 'write' && path.endsWith('.journal')
      ? Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' })
      : null
  for (let i = 0; i < 100 && store.failure === null; i++) {
    append(log, 'x'.repeat(200))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((store.failure as NodeJS.ErrnoException | null)?.code, 'ENOSPC')
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
