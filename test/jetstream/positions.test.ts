import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Positions } from '../../src/jetstream/origins/positions.ts'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type MessageLog, Store } from '../../src/storage/index.ts'
import { tick } from './house.ts'

/** A store with one log, and what it keeps of positions after it lost power. */
class Disk {
  files = new SimulatedFileSystem(1)
  readonly clock = new SimulatedClock()
  store: Store | null = null

  async open(): Promise<{ positions: Positions; log: MessageLog }> {
    this.store = await Store.open({ directory: '/store', fileSystem: this.files, clock: this.clock })
    const log = this.store.logs.get('S') ?? this.store.createLog('S', {}, { inMemory: false })
    return { positions: new Positions(log, () => {}), log }
  }

  async commit(positions: Positions): Promise<void> {
    positions.flush()
    let isDone = false
    this.store?.barrier(() => {
      isDone = true
    })
    this.store?.commit()
    while (!isDone) await tick()
  }

  lose(): void {
    this.files = this.files.restart(3)
  }
}

test('positions come back as they were committed, also those without an identity', async () => {
  const disk = new Disk()
  let { positions } = await disk.open()
  positions.begin(
    positions.of('A > >', () => true),
    'one',
    5,
  )
  await disk.commit(positions)
  // Added later, and of a server that doesn't say which stream it is.
  positions.move(
    positions.of('B > >', () => true),
    7,
  )
  await disk.commit(positions)
  positions.move(
    positions.of('A > >', () => true),
    9,
  )
  disk.lose()
  ;({ positions } = await disk.open())
  const [a, b] = ['A > >', 'B > >'].map((key) => positions.of(key, () => true))
  assert.deepEqual([a.identity, a.seq, b.identity, b.seq], ['one', 5, '', 7])
})

test('another stream of the name begins anew, after a crash too', async () => {
  const disk = new Disk()
  let { positions } = await disk.open()
  const position = positions.of('A > >', () => true)
  positions.begin(position, 'one', 500)
  await disk.commit(positions)
  positions.begin(position, 'two', 0)
  positions.move(position, 3)
  await disk.commit(positions)
  disk.lose()
  ;({ positions } = await disk.open())
  const { identity, seq } = positions.of('A > >', () => true)
  assert.deepEqual([identity, seq], ['two', 3])
})

test('places of sources that are no more are used again, and tell nothing of those before', async () => {
  const disk = new Disk()
  let { positions } = await disk.open()
  for (let i = 0; i < 1024; i++)
    positions.begin(
      positions.of(`old${i} > >`, () => true),
      'x',
      100 + i,
    )
  await disk.commit(positions)
  const isUsed = (key: string): boolean => key !== 'old7 > >'
  positions.of('new > >', isUsed)
  positions.move(positions.of('old8 > >', isUsed), 300)
  await disk.commit(positions)
  disk.lose()
  ;({ positions } = await disk.open())
  const { identity, seq, place } = positions.of('new > >', isUsed)
  assert.deepEqual([identity, seq, place], ['', 0, 7])
  assert.equal(positions.of('old8 > >', isUsed).seq, 300)
})
