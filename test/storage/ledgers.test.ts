/** What a checkpoint writes of the ledgers of a log: only what has changed is put into words again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type Ledger, Store } from '../../src/storage/index.ts'
import { SMALL_LIMITS } from './small-limits.ts'

/** An owner that counts, and tells what it has counted to. */
class Counter {
  count = 0
  asked = 0
  private taken = -1
  readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
    ledger.snapshot = () => {
      this.asked++
      this.taken = this.count
      return Buffer.from(String(this.count))
    }
    ledger.isUnchanged = () => this.taken === this.count
  }

  raise(): void {
    this.count++
    const entry = Buffer.from(String(this.count))
    this.ledger.append(entry, 0, entry.length, true)
  }
}

function open(fileSystem: SimulatedFileSystem): Promise<Store> {
  return Store.open({ directory: 'store', fileSystem, clock: new SimulatedClock(), limits: SMALL_LIMITS })
}

/** Lets the counter go on until checkpoints have asked it twice more. */
async function turnOver(store: Store, counter: Counter): Promise<void> {
  const enough = counter.asked + 2
  while (counter.asked < enough) {
    for (let i = 0; i < 20; i++) counter.raise()
    await new Promise<void>((resolve) => store.barrier(resolve))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** What a ledger comes back with: its snapshot, or the last entry since. */
function told(ledger: Ledger | undefined): number {
  const { snapshot, entries } = ledger?.recovered ?? { snapshot: null, entries: [] }
  return Number(entries.at(-1) ?? snapshot)
}

test('checkpoints ask an owner for its state only when that has changed', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const store = await open(fileSystem)
  const log = store.createLog('log', {}, { inMemory: false })
  const busy = new Counter(log.createLedger('busy', { kind: 'busy' }))
  const idle = new Counter(log.createLedger('idle', { kind: 'idle "ä"' }))
  idle.raise()
  await turnOver(store, busy)
  assert.equal(idle.asked, 1)

  idle.raise()
  await turnOver(store, busy)
  assert.equal(idle.asked, 2)

  idle.ledger.setMeta({ kind: 'other' })
  await turnOver(store, busy)
  await store.close()

  const again = await open(fileSystem)
  const { ledgers } = again.logs.get('log') as typeof log
  assert.deepEqual(ledgers.get('idle')?.meta, { kind: 'other' })
  assert.equal(told(ledgers.get('idle')), 2)
  assert.equal(told(ledgers.get('busy')), busy.count)
  await again.close()
  // Nobody has taken over: what was recovered stays as it is.
  const third = await open(fileSystem)
  assert.equal(told(third.logs.get('log')?.ledgers.get('idle')), 2)
  assert.equal(told(third.logs.get('log')?.ledgers.get('busy')), busy.count)
  await third.close()
})
