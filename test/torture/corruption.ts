/** A flipped bit or a zeroed sector anywhere in a store: what is served is right or missing, and only what was hit is missing. */
import { Random } from '../../src/ports/random.ts'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { batchBytes, decodeBatchHead } from '../../src/storage/format/journal-format.ts'
import { type Encryption, type Json, type MessageLog, Store } from '../../src/storage/index.ts'
import { type Read, readAll } from '../storage/read-all.ts'
import { SMALL_LIMITS } from '../storage/small-limits.ts'

const MESSAGES = 80
const LOGS = 2
/** The second log has its segments packed; its number is one more. */
const compresses = (meta: Json): boolean => (meta as { i?: number }).i === 1
const PACKED_DATA = /logs\/2\/\d+\.segment$/
/** A block may hold a whole segment of records of the smallest size. */
const MOST_IN_A_BLOCK = 45
const SECTOR_BYTES = 512
/** Turns in which file operations go on between two commits, where the store takes its time. */
const MOST_TURNS = 200

export interface Corrupted {
  file: string
  damage: 'bit' | 'sector'
  /** Messages that are not there any more. */
  missing: number
  /** What is wrong: wrong bytes, a crash, more missing than was hit, silence; null: nothing. */
  failure: string | null
}

function open(
  fileSystem: SimulatedFileSystem,
  encryption: Encryption | undefined,
  told: string[] = [],
): Promise<Store> {
  const log = (level: string, text: string): number => told.push(`${level} ${text}`)
  return Store.open({
    directory: 'store',
    fileSystem,
    clock: new SimulatedClock(),
    limits: SMALL_LIMITS,
    log,
    compresses,
    ...(encryption === undefined ? {} : { encryption }),
  })
}

/** One case: a store by the seed, stopped cleanly or not, damaged at one place, opened and read. */
export async function corruptOnce(seed: number, encryption?: Encryption): Promise<Corrupted> {
  const random = new Random(seed)
  const { fileSystem, expected } = await filled(seed, random, encryption)
  const paths = fileSystem.paths().filter((path) => !path.endsWith('lock'))
  const path = paths[random.below(paths.length)]
  const size = await damageable(fileSystem, path)
  const damage = random.chance(0.5) ? 'bit' : 'sector'
  const place = `${path.split('/').slice(-2).join('/')}, case ${seed}`
  if (size === 0) return { file: place, damage, missing: 0, failure: null }
  const at = random.below(size)
  if (damage === 'bit') fileSystem.flip(path, at * 8 + random.below(8))
  else fileSystem.zeroSector(path, Math.floor(at / SECTOR_BYTES))
  const told: string[] = []
  try {
    const missing = await check(fileSystem, expected, encryption, told)
    const hasData = /\.(segment|journal)$/.test(path)
    // A sector has room for so many records of the smallest size, and one that reaches into it.
    const most = PACKED_DATA.test(path) ? MOST_IN_A_BLOCK : hasData ? (damage === 'bit' ? 2 : 16) : 0
    let failure: string | null = null
    if (missing > most) failure = `${missing} messages are missing (${damage} at ${at})`
    else if (missing > 0 && told.length === 0) failure = `the loss is not told (${damage} at ${at})`
    return { file: place, damage, missing, failure }
  } catch (thrown) {
    return { file: place, damage, missing: 0, failure: `${(thrown as Error).message} (${damage} at ${at})` }
  }
}

/** Bytes from the beginning that may be damaged: the last batch of the journal can't be told from one that was torn. */
async function damageable(fileSystem: SimulatedFileSystem, path: string): Promise<number> {
  const size = await fileSystem.size(path)
  if (!path.endsWith('.journal')) return size
  const generations = await Promise.all(
    fileSystem
      .paths()
      .filter((each) => each.endsWith('.journal'))
      .map(async (each) => decodeBatchHead(await fileSystem.readFile(each), 0)?.generation ?? 0),
  )
  const content = await fileSystem.readFile(path)
  const first = decodeBatchHead(content, 0)
  // In a file that another followed, all is known to have been whole.
  if (first === null || first.generation < Math.max(...generations)) return size
  let last = 0
  for (let at = 0; ; ) {
    const head = decodeBatchHead(content, at)
    if (head === null || head.generation !== first.generation) break
    last = at
    at += batchBytes(head)
  }
  return Math.floor(last / SECTOR_BYTES) * SECTOR_BYTES
}

async function filled(
  seed: number,
  random: Random,
  encryption: Encryption | undefined,
): Promise<{ fileSystem: SimulatedFileSystem; expected: Map<string, Read[]> }> {
  const fileSystem = new SimulatedFileSystem(seed)
  const store = await open(fileSystem, encryption)
  const logs = Array.from({ length: LOGS }, (_, i) => store.createLog(`log${i}`, { i }, { inMemory: false }))
  // One in three takes its time, so that files of the journal are used again.
  const isUnhurried = seed % 3 === 2
  for (let i = 0; i < (isUnhurried ? 4 * MESSAGES : MESSAGES); i++) {
    const log = logs[i % LOGS]
    const subject = Buffer.from(`s.${random.below(4)}`)
    const body = Buffer.from(`${log.name} ${log.lastSeq + 1} ${'x'.repeat(random.below(150))}`)
    log.append(subject, 0, subject.length, body, 0, 0, body.length, 1_700_000_000, log.lastSeq)
    if (!random.chance(0.3)) continue
    await new Promise<void>((resolve) => store.barrier(resolve))
    if (isUnhurried) for (let turns = random.below(MOST_TURNS); turns > 0; turns--) await Promise.resolve()
  }
  await new Promise<void>((resolve) => store.barrier(resolve))
  const expected = new Map<string, Read[]>()
  for (const log of logs) expected.set(log.name, await readAll(log))
  if (seed % 2 === 0) {
    await store.close()
    return { fileSystem, expected }
  }
  // Killed, not without power: one fault at a time.
  fileSystem.hasCrashed = true
  return { fileSystem: fileSystem.afterKill(seed), expected }
}

/** How many messages are missing. @throws Error when anything served is wrong, or the store can't be used */
async function check(
  fileSystem: SimulatedFileSystem,
  expected: Map<string, Read[]>,
  encryption: Encryption | undefined,
  told: string[],
): Promise<number> {
  const store = await open(fileSystem, encryption, told)
  let missing = 0
  for (const [name, messages] of expected) {
    const log = store.logs.get(name)
    if (log === undefined) throw new Error(`${name} is gone`)
    const bySeq = new Map(messages.map((message) => [message.seq, JSON.stringify(message)]))
    const found = await readAll(log)
    for (const message of found) {
      if (bySeq.get(message.seq) !== JSON.stringify(message))
        throw new Error(`${name} ${message.seq} is wrong`)
    }
    missing += messages.length - found.length
    const body = Buffer.from('goes on')
    append(log, body)
  }
  await new Promise<void>((resolve) => store.barrier(resolve))
  await store.close()
  return missing
}

function append(log: MessageLog, body: Buffer): void {
  log.append(Buffer.from('s'), 0, 1, body, 0, 0, body.length, 1_700_000_001, 0)
}
