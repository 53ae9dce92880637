/** Subjects of a log: the table does what a Map does and gives memory back; what overwrites a key reads no index. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/ports/random.ts'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type MessageLog, Store } from '../../src/storage/index.ts'
import { IndexCache } from '../../src/storage/segments/index-cache.ts'
import { SubjectTable } from '../../src/storage/subjects/subject-table.ts'
import { subjectFilter } from '../../src/subjects/index.ts'
import { SMALL_LIMITS } from './small-limits.ts'

function bytesOf(text: string): [Buffer, number, number] {
  const bytes = Buffer.from(`..${text}.`)
  return [bytes, 2, bytes.length - 1]
}

test('a table of subjects does what a Map does', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed)
    const table = new SubjectTable()
    const model = new Map<string, number>()
    const names = 4 + random.below(5000)
    for (let step = 0; step < 20_000; step++) {
      const name = `s.${random.below(names)}${'x'.repeat(random.below(3) * 20)}`
      const slot = table.find(...bytesOf(name))
      assert.equal(slot >= 0, model.has(name), name)
      if (random.chance(step < 10_000 ? 0.7 : 0.2)) {
        const added = table.findOrAdd(...bytesOf(name))
        if (slot >= 0) assert.equal(added, slot)
        table.counts[added]++
        model.set(name, (model.get(name) ?? 0) + 1)
      } else if (slot >= 0) {
        table.counts[slot] = 0
        table.drop(slot)
        model.delete(name)
      }
      assert.equal(table.size, model.size)
    }
    const found = new Map<string, number>()
    for (let slot = 0; slot < table.count; slot++)
      if (table.has(slot)) found.set(table.text(slot), table.counts[slot])
    assert.deepEqual(new Map([...found].sort()), new Map([...model].sort()))
  }
})

test('subjects that are gone take no memory', () => {
  const table = new SubjectTable()
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 10_000; i++) {
      const slot = table.findOrAdd(...bytesOf(`subject.${round}.${i}`))
      table.counts[slot] = 1
    }
    assert.ok(table.memoryBytes < 4_000_000, `${table.memoryBytes}`)
    for (let slot = 0; slot < table.count; slot++) {
      if (!table.has(slot) || (round % 2 === 0 && slot === 7)) continue
      table.counts[slot] = 0
      table.drop(slot)
    }
    if (round % 2 === 0) assert.equal(table.size, 1)
    else assert.ok(table.memoryBytes < 1000, `${table.memoryBytes}`)
  }
})

test('subjects are found by every pattern, while they come and go', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = new Random(seed)
    const table = new SubjectTable()
    const model = new Set<string>()
    const token = (): string => ['a', 'b', 'cc', 'é', 'dd'][random.below(5)]
    const name = (): string => Array.from({ length: 1 + random.below(4) }, token).join('.')
    for (let step = 0; step < 3000; step++) {
      const subject = name()
      const slot = table.find(...bytesOf(subject))
      if (slot < 0) {
        const added = table.findOrAdd(...bytesOf(subject))
        table.counts[added] = 1
        model.add(subject)
      } else if (random.chance(0.8)) {
        table.drop(slot)
        model.delete(subject)
      }
      if (step % 10 > 0) continue
      const tokens = name()
        .split('.')
        .map((each) => (random.chance(0.4) ? '*' : each))
      if (random.chance(0.3)) tokens.push('>')
      const pattern = tokens.join('.')
      const found: string[] = []
      table.eachMatch(pattern, (each) => found.push(table.text(each)))
      const filter = subjectFilter([pattern])
      assert.deepEqual(
        found.sort(),
        [...model].filter((each) => filter.matches(...bytesOf(each))).sort(),
        pattern,
      )
    }
  }
})

test('the indexes kept in memory are those used last, up to a number of bytes', () => {
  const cache = new IndexCache(1000)
  const segments = Array.from(
    { length: 20 },
    () =>
      ({ columns: { memoryBytes: 100 }, isIndexUsed: false }) as unknown as Parameters<IndexCache['add']>[0],
  )
  for (const segment of segments) {
    cache.add(segment)
    segments[0].isIndexUsed = true
    assert.ok(cache.bytes <= 1000)
  }
  assert.notEqual(segments[0].columns, null)
  assert.equal(segments[1].columns, null)
  assert.equal(segments.filter(({ columns }) => columns !== null).length, 10)
  for (const segment of segments) cache.drop(segment)
  assert.equal(cache.bytes, 0)
})

async function put(log: MessageLog, store: Store, key: number): Promise<void> {
  const subject = Buffer.from(`kv.${key}`)
  const body = Buffer.alloc(100, key)
  log.append(subject, 0, subject.length, body, 0, 0, body.length, 1, log.lastSeq)
  if (log.countOf(subject, 0, subject.length) > 1) log.remove(log.firstSeqOf(subject, 0, subject.length))
  if (log.lastSeq % 20 === 0) await new Promise<void>((resolve) => store.barrier(resolve))
}

test('overwriting keys at random reads no index, and what is counted is right', async () => {
  const fileSystem = new SimulatedFileSystem(1)
  const clock = new SimulatedClock()
  const limits = { ...SMALL_LIMITS, compactBelow: 0 }
  const store = await Store.open({ directory: 'store', fileSystem, clock, limits })
  const log = store.createLog('log', {}, { inMemory: false })
  const random = new Random(1)
  const latest = new Map<number, number>()
  let reads = 0
  const readFileSync = fileSystem.readFileSync.bind(fileSystem)
  for (let i = 0; i < 3000; i++) {
    if (i === 1000) {
      fileSystem.readFileSync = (path) => {
        reads++
        return readFileSync(path)
      }
    }
    const key = i < 200 ? i : random.below(200)
    latest.set(key, log.lastSeq + 1)
    await put(log, store, key)
  }
  assert.ok(log.segments.length > 20)
  assert.equal(reads, 0)
  assert.equal(log.messages, 200)
  assert.equal(
    log.bytes,
    [...latest.keys()].reduce((sum, key) => sum + log.sizeOf(`kv.${key}`.length, 0, 100), 0),
  )
  for (const [key, seq] of latest) {
    const subject = Buffer.from(`kv.${key}`)
    assert.equal(log.firstSeqOf(subject, 0, subject.length), seq)
    assert.equal(log.lastSeqOf(subject, 0, subject.length), seq)
    assert.ok(log.has(seq))
  }
  await store.close()
})
