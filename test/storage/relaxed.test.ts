/** With a sync interval a small commit is written in place: no later than the turn ends, and never for long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { type Fault, SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type MessageLog, Store } from '../../src/storage/index.ts'
import { readAll } from './read-all.ts'

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

function append(log: MessageLog, text: string): void {
  const subject = Buffer.from('s')
  const body = Buffer.from(text)
  log.append(subject, 0, 1, body, 0, 0, body.length, 1, 1)
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: no`), { code })
}

/** A store with a log that has one message, and how its journal was written since. */
async function opened(hiccupMs = 1e9): Promise<{
  fileSystem: SimulatedFileSystem
  clock: SimulatedClock
  store: Store
  log: MessageLog
  ways: string[]
  onWrite: (fault: Fault) => void
}> {
  const fileSystem = new SimulatedFileSystem(1)
  const clock = new SimulatedClock()
  const store = await Store.open({
    directory: 'store',
    fileSystem,
    clock,
    syncInterval: 120_000,
    limits: { hiccupMs },
  })
  const log = store.createLog('log', {}, { inMemory: false })
  append(log, 'first')
  await new Promise<void>((resolve) => store.barrier(resolve))
  const ways: string[] = []
  let inner: Fault = () => null
  fileSystem.fault = (name, path) => {
    if (!path.endsWith('.journal') || !name.startsWith('write')) return null
    ways.push(name)
    return inner(name, path)
  }
  const onWrite = (fault: Fault): void => {
    inner = fault
  }
  return { fileSystem, clock, store, log, ways, onWrite }
}

async function texts(store: Store): Promise<string[]> {
  return (await readAll(store.logs.get('log') as MessageLog)).map((each) => each.payload)
}

test('a small commit is in memory of the operating system when the turn ends, a large one soon after', async () => {
  const { fileSystem, store, log, ways } = await opened()
  append(log, 'small')
  store.commit()
  assert.equal(log.committedSeq, 2)
  append(log, 'x'.repeat(100_000))
  store.commit()
  assert.equal(log.committedSeq, 2)
  await settled()
  assert.equal(log.committedSeq, 3)
  assert.deepEqual(ways, ['writeSync', 'write'])
  const found = await Store.open({
    directory: 'store',
    fileSystem: fileSystem.afterKill(1),
    clock: new SimulatedClock(),
  })
  assert.equal((await texts(found)).length, 3)
  await found.close()
})

test('after a write that took long commits are not waited for, for a while', async () => {
  const { store, log, ways, onWrite } = await opened(5)
  onWrite(() => {
    for (const until = performance.now() + 10; performance.now() < until; );
    return null
  })
  append(log, 'slow')
  store.commit()
  onWrite(() => null)
  for (let i = 0; i < 256; i++) {
    append(log, `later ${i}`)
    store.commit()
    await settled()
  }
  append(log, 'in place again')
  store.commit()
  assert.equal(log.committedSeq, log.lastSeq)
  assert.deepEqual(ways, ['writeSync', ...Array.from({ length: 256 }, () => 'write'), 'writeSync'])
  await store.close()
})

test('a write in place for which there is no room waits for it', async () => {
  const { fileSystem, clock, store, log, ways, onWrite } = await opened()
  onWrite((name) => (name === 'writeSync' ? failure('ENOSPC') : null))
  append(log, 'waits')
  store.commit()
  assert.equal(log.committedSeq, 1)
  assert.notEqual(store.shortage, null)
  onWrite(() => null)
  for (let i = 0; i < 5; i++) {
    clock.advance(1000)
    await settled()
  }
  assert.equal(store.shortage, null)
  assert.equal(log.committedSeq, 2)
  assert.equal(ways[0], 'writeSync')
  await store.close()
  fileSystem.fault = null
  const again = await Store.open({ directory: 'store', fileSystem, clock })
  assert.deepEqual(await texts(again), ['first', 'waits'])
  await again.close()
})

test('a write in place that fails makes the store read-only', async () => {
  const { store, log, onWrite } = await opened()
  onWrite(() => failure('EIO'))
  append(log, 'lost')
  store.commit()
  assert.equal((store.failure as NodeJS.ErrnoException | null)?.code, 'EIO')
  onWrite(() => null)
  append(log, 'later')
  store.commit()
  await settled()
  assert.equal(log.committedSeq, 1)
  await store.close()
})
