/** Sealed segments of a log that compresses are packed, and all else is as with any other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type Json, type MessageLog, Store, type StoreOptions } from '../../src/storage/index.ts'
import { PackedFile } from '../../src/storage/packing/packed-file.ts'
import { findBlocks, unpackAll } from '../../src/storage/packing/packed-format.ts'
import { subjectFilter } from '../../src/subjects/index.ts'
import { type Read, readAll } from './read-all.ts'

const LIMITS = {
  segmentBytes: 64 * 1024,
  chunkBits: 12,
  cacheBytes: 8192,
  indexBytes: 8192,
  openSegments: 2,
  firstJournalBytes: 32 * 1024,
  journalBytes: 32 * 1024,
  layoutBytes: 32 * 1024,
}

interface Disk {
  files: SimulatedFileSystem
  clock: SimulatedClock
  told: string[]
}

function disk(): Disk {
  return { files: new SimulatedFileSystem(1), clock: new SimulatedClock(), told: [] }
}

const compresses = (meta: Json): boolean => (meta as unknown as { isPacked?: boolean }).isPacked === true

function open({ files, clock, told }: Disk, more: Partial<StoreOptions> = {}): Promise<Store> {
  return Store.open({
    directory: 'store',
    fileSystem: files,
    clock,
    limits: LIMITS,
    compresses,
    log: (_level, text) => told.push(text),
    ...more,
  })
}

function append(log: MessageLog, count: number, filler = 'abcdefgh '.repeat(25)): void {
  for (let i = 0; i < count; i++) {
    const seq = log.lastSeq + 1
    const subject = Buffer.from(`s.${seq % 10}`)
    const body = Buffer.from(`${seq} ${filler} ${seq * 7}`)
    log.append(subject, 0, subject.length, body, 0, 0, body.length, 1, seq)
  }
}

/** Time goes by, and what is to be done in it is done. */
async function settle(store: Store, clock: SimulatedClock): Promise<void> {
  await new Promise<void>((resolve) => store.barrier(resolve))
  for (let i = 0; i < 100; i++) {
    clock.advance(200)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function fill(store: Store, log: MessageLog, clock: SimulatedClock, count: number): Promise<Read[]> {
  for (let left = count; left > 0; left -= 100) {
    append(log, Math.min(left, 100))
    await new Promise<void>((resolve) => store.barrier(resolve))
  }
  await settle(store, clock)
  return readAll(log)
}

/** A new store with a log that is to be packed. */
async function openPacking() {
  const machine = disk()
  const store = await open(machine)
  const log = store.createLog('log', packedLog, { inMemory: false })
  return { ...machine, machine, store, log }
}

/** Closes the store; on the disk as it then is, these are in the log. */
async function isAfterRestart(machine: Disk, store: Store, expected: readonly Read[]): Promise<void> {
  await store.close()
  const again = await open({ ...machine, files: machine.files.restart(1) })
  assert.deepEqual(await readAll(again.logs.get('log') as MessageLog), expected)
  await again.close()
}

/** Paths of the data files that are packed, and bytes of all. */
async function dataFiles(files: SimulatedFileSystem): Promise<{ packed: string[]; bytes: number }> {
  const packed: string[] = []
  let bytes = 0
  for (const path of files.paths()) {
    if (!path.endsWith('.segment')) continue
    const content = await files.readFile(path)
    bytes += content.length
    if (findBlocks(content).length > 0) packed.push(path)
  }
  return { packed, bytes }
}

const packedLog = { isPacked: true } as unknown as Json
const plainLog = { isPacked: false } as unknown as Json

test('sealed segments are packed behind a checkpoint, and read as before, also after a restart and a kill', async () => {
  const { machine, files, clock, store, log } = await openPacking()
  const expected = await fill(store, log, clock, 2000)
  assert.equal(expected.length, 2000)
  const { packed, bytes } = await dataFiles(files)
  assert.ok(packed.length >= 7, `${packed.length} packed of ${log.segments.length}`)
  const plain = log.segments.reduce((sum, segment) => sum + segment.dataBytes, 0)
  assert.ok(bytes < plain / 3, `${bytes} of ${plain} bytes`)
  for (const restarted of [files.killed(1), files.restart(1)]) {
    const again = { ...machine, files: restarted, told: [] }
    const found = await open(again)
    const foundLog = found.logs.get('log') as MessageLog
    assert.deepEqual(await readAll(foundLog), expected)
    assert.equal(foundLog.count(subjectFilter(['s.3']), 0), 200)
    await found.close()
    assert.deepEqual(again.told, [])
  }
  await store.close()
  // A build that knows nothing of packed segments is to refuse the log by its format.
  const state = (await files.readFile('store/logs/1/state.json')).toString()
  assert.match(state, /^\{"format":2,/)
  assert.match((await files.readFile('store/checkpoint.json')).toString(), /^\{"format":1,/)
})

test('a log that does not compress has plain segments, and a state in the format of before', async () => {
  const machine = disk()
  const store = await open(machine)
  const log = store.createLog('log', plainLog, { inMemory: false })
  await fill(store, log, machine.clock, 600)
  await store.close()
  assert.deepEqual((await dataFiles(machine.files)).packed, [])
  const state = (await machine.files.readFile('store/logs/1/state.json')).toString()
  assert.match(state, /^\{"format":1,/)
  assert.doesNotMatch(state, /packing/)
})

test('what is sealed goes by what the log says then: nothing else is rewritten', async () => {
  const machine = disk()
  const { clock } = machine
  const store = await open(machine)
  const log = store.createLog('log', plainLog, { inMemory: false })
  await fill(store, log, clock, 600)
  const before = log.segments.filter((segment) => segment.isSealed)
  assert.ok(before.length >= 2)
  log.setMeta(packedLog)
  await fill(store, log, clock, 600)
  assert.ok(before.every((segment) => log.segments.includes(segment) && !segment.isPacked))
  const packed = log.segments.filter((segment) => segment.isPacked)
  assert.ok(packed.length >= 2)
  log.setMeta(plainLog)
  await fill(store, log, clock, 600)
  assert.deepEqual(
    log.segments.filter((segment) => segment.isPacked),
    packed,
  )
  const expected = await readAll(log)
  assert.equal(expected.length, 1800)
  await isAfterRestart(machine, store, expected)
})

test('what was sealed and not packed before the store was stopped is packed after its next start', async () => {
  const { machine, files, clock, store, log } = await openPacking()
  append(log, 700)
  await store.close()
  assert.deepEqual((await dataFiles(files)).packed, [])
  const again = await open(machine)
  await settle(again, clock)
  assert.ok((await dataFiles(files)).packed.length >= 2)
  assert.equal((await readAll(again.logs.get('log') as MessageLog)).length, 700)
  await again.close()
})

test('packed segments in which little lives are rewritten, packed', async () => {
  const { machine, clock, store, log } = await openPacking()
  await fill(store, log, clock, 2000)
  for (let seq = 1; seq <= 1900; seq++) if (seq % 4 !== 0) log.remove(seq)
  await settle(store, clock)
  const expected = await fill(store, log, clock, 200)
  assert.equal(expected.length, 475 + 300)
  const dead = log.segments.filter(
    ({ isSealed, dataBytes, liveBytes }) => isSealed && liveBytes * 2 < dataBytes,
  )
  assert.deepEqual(dead, [])
  assert.ok(log.segments.filter((segment) => segment.isPacked).length >= 5)
  await isAfterRestart(machine, store, expected)
})

test('what can not be packed stays as it is', async () => {
  const { files, clock, store, log } = await openPacking()
  const subject = Buffer.from('s')
  for (let i = 1; i <= 700; i++) {
    // Bytes without a pattern: a linear congruential generator's upper ones.
    const body = Buffer.alloc(200)
    let state = i
    for (let at = 0; at < body.length; at++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      body[at] = state >>> 24
    }
    log.append(subject, 0, 1, body, 0, 0, body.length, 1, i)
    if (i % 100 === 0) await new Promise<void>((resolve) => store.barrier(resolve))
  }
  await settle(store, clock)
  assert.deepEqual((await dataFiles(files)).packed, [])
  assert.equal((await readAll(log)).length, 700)
  await store.close()
})

test('an encrypted store packs before it seals', async () => {
  const machine = disk()
  const { files, clock } = machine
  const encryption = { key: 'a key that is long enough', cipher: 'aes', cost: 2 } as const
  const store = await open(machine, { encryption })
  const log = store.createLog('log', packedLog, { inMemory: false })
  const expected = await fill(store, log, clock, 1500)
  const plain = log.segments.reduce((sum, segment) => sum + segment.dataBytes, 0)
  const { packed, bytes } = await dataFiles(files)
  assert.deepEqual(packed, [])
  assert.ok(bytes < plain / 2, `${bytes} of ${plain}`)
  await store.close()
  const again = await open({ ...machine, files: files.restart(1) }, { encryption })
  assert.deepEqual(await readAll(again.logs.get('log') as MessageLog), expected)
  await again.close()
})

test('damage in a packed segment costs no more than the records of its block, and is told', async () => {
  const { machine, files, clock, store, log } = await openPacking()
  const expected = await fill(store, log, clock, 1000)
  await store.close()
  const [path] = (await dataFiles(files)).packed
  const content = await files.readFile(path)
  const blocks = findBlocks(content)
  for (const at of [3, 8, 30, Math.floor(content.length / 2), content.length - 20, content.length - 3]) {
    const hit = { ...machine, files: files.restart(1), told: [] as string[] }
    hit.files.flip(path, at * 8 + 1)
    const found = await open(hit)
    const foundLog = found.logs.get('log') as MessageLog
    const read = await readAll(foundLog)
    const seqs = new Set(read.map((each) => each.seq))
    assert.deepEqual(
      read,
      expected.filter(({ seq }) => seqs.has(seq)),
    )
    const missing = expected.length - read.length
    assert.ok(missing <= 20, `${missing} missing with a bit flipped at ${at}`)
    if (missing > 0) assert.ok(hit.told.length > 0)
    await found.close()
  }
  // Without its table, and with its first block's head gone as well.
  const cut = content.subarray(0, blocks[blocks.length - 1].end)
  let damaged = 0
  assert.ok(unpackAll(content, () => damaged++).equals(unpackAll(cut, () => damaged++)))
  assert.equal(damaged, 0)
  const headless = Buffer.from(cut)
  headless[5] ^= 1
  const left = unpackAll(headless, () => damaged++)
  assert.equal(damaged, 1)
  assert.ok(left.subarray(blocks[1].place).equals(unpackAll(content, () => {}).subarray(blocks[1].place)))
})

test('a segment that can not be packed for want of room stays as it is, and nothing is left behind', async () => {
  const { machine, files, clock, store, log } = await openPacking()
  append(log, 600)
  await store.close()
  const paths = files.paths()
  const again = await open(machine)
  files.capacityBytes = 1
  await settle(again, clock)
  files.capacityBytes = Number.POSITIVE_INFINITY
  assert.deepEqual((await dataFiles(files)).packed, [])
  assert.deepEqual(
    files.paths().filter((path) => path.endsWith('.segment')),
    paths.filter((path) => path.endsWith('.segment')),
  )
  assert.equal(again.failure, null)
  assert.equal((await readAll(again.logs.get('log') as MessageLog)).length, 600)
  await again.close()
})

test('a packed file whose end was cut off is read as far as it goes', async () => {
  const { files, clock, store, log } = await openPacking()
  await fill(store, log, clock, 700)
  await store.close()
  const [path] = (await dataFiles(files)).packed
  const whole = unpackAll(await files.readFile(path), () => assert.fail('it is damaged'))
  const read = (file: PackedFile, from: number, to: number): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const buffer = Buffer.alloc(to - from)
      file.read(buffer, 0, to - from, from, (error, bytes) =>
        error === null ? resolve(buffer.subarray(0, bytes)) : reject(error),
      )
    })
  const close = (file: PackedFile): Promise<void> => new Promise((resolve) => file.close(() => resolve()))
  let damaged = 0
  const opened = (): Promise<PackedFile> => PackedFile.open(files, path, () => damaged++)
  const file = await opened()
  assert.equal(file.contentBytes, whole.length)
  assert.deepEqual(await read(file, 5000, 60_000), whole.subarray(5000, 60_000))
  assert.deepEqual(await read(file, 10, whole.length + 100), whole.subarray(10))
  await new Promise<void>((resolve) => file.truncate(30_000, () => resolve()))
  for (const each of [file, await opened()]) {
    const { contentBytes } = each
    // The block in which the new end is stays whole.
    assert.ok(contentBytes >= 30_000 && contentBytes < 36_000, `${contentBytes}`)
    assert.deepEqual(await read(each, 0, 30_000), whole.subarray(0, 30_000))
    assert.deepEqual(await read(each, 29_000, whole.length), whole.subarray(29_000, contentBytes))
    await close(each)
  }
  assert.equal(damaged, 0)
})

test('a store with packed segments may be encrypted later', async () => {
  const { machine, files, clock, store, log } = await openPacking()
  const expected = await fill(store, log, clock, 1000)
  await store.close()
  assert.ok((await dataFiles(files)).packed.length >= 2)
  const encryption = { key: 'a key that is long enough', cipher: 'chacha', cost: 2 } as const
  for (let starts = 0; starts < 2; starts++) {
    const again = await open(machine, { encryption })
    const found = again.logs.get('log') as MessageLog
    assert.ok(found.segments.some((segment) => segment.isPacked))
    assert.deepEqual(await readAll(found), expected)
    await again.close()
    assert.deepEqual((await dataFiles(files)).packed, [])
  }
  assert.deepEqual(
    machine.told.filter((text) => text.includes('changed') || text.includes('damaged')),
    [],
  )
})

test('what is erased from a packed segment is in no file any more, packed or not', async () => {
  const machine = disk()
  const { files, clock } = machine
  const store = await open(machine)
  store.onNeedsCommit = () => queueMicrotask(() => store.commit())
  const log = store.createLog('log', packedLog, { inMemory: false })
  const expected = await fill(store, log, clock, 1000)
  const segment = log.segments.find(({ isPacked }) => isPacked)
  assert.ok(segment !== undefined)
  const seq = segment.firstSeq + 20
  const secret = `${seq} abcdefgh `
  /** Anywhere, as it is or packed. */
  const filesWithIt = (): string[] => {
    const found: string[] = []
    for (const [path, content] of files.contents()) {
      const isPacked = path.endsWith('.segment') && findBlocks(content).length > 0
      const data = isPacked ? unpackAll(content, () => assert.fail(path)) : content
      if (data.includes(`s.${seq % 10}${secret}`)) found.push(path)
    }
    return found
  }
  assert.notDeepEqual(filesWithIt(), [])
  assert.ok(log.erase(seq))
  await settle(store, clock)
  await store.erased()
  assert.deepEqual(filesWithIt(), [])
  assert.ok(log.segments.find(({ firstSeq, endSeq }) => seq >= firstSeq && seq < endSeq)?.isPacked)
  const left = expected.filter((each) => each.seq !== seq)
  assert.deepEqual(await readAll(log), left)
  await isAfterRestart(machine, store, left)
})
