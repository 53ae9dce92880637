/** The power fails at a file operation of a seeded workload, and maybe again while the store recovers: what was acknowledged is there. */
import assert from 'node:assert/strict'
import { Random } from '../../src/ports/random.ts'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type Encryption, type Json, type MessageLog, RecordView, Store } from '../../src/storage/index.ts'
import { subjectFilter } from '../../src/subjects/index.ts'

const LIMITS = {
  segmentBytes: 2048,
  chunkBits: 9,
  cacheBytes: 4096,
  indexBytes: 2048,
  openSegments: 4,
  firstJournalBytes: 2048,
  journalBytes: 8192,
  layoutBytes: 2048,
  reserveBytes: 4096,
  documentBytes: 2048,
}

const QUIET = 'quiet'
/** Half of the logs have their segments packed. */
const compresses = (meta: Json): boolean => isPacked((meta as { name?: string }).name ?? '')
const isPacked = (name: string): boolean => name.charCodeAt(name.length - 1) % 2 === 0
/** In so long without much being written the journal gives back its room. */
const IDLE_MS = 6000
/** Turns in which file operations go on between two rounds. */
const MOST_TURNS = 60

/** What a store should hold: for each log its messages, and the bytes of its ledger's history. */
type Model = Map<string, { messages: Map<number, string>; lastSeq: number; ledger: string }>

function textOf(model: Model): string {
  return JSON.stringify(
    [...model].sort().map(([name, log]) => [name, log.lastSeq, [...log.messages], log.ledger]),
  )
}

/** One in four is synced now and then only. */
const isRelaxed = (seed: number): boolean => seed % 4 === 3
const SYNC_INTERVAL_MS = 100
/** One in four is on a disk that is too small, and has nothing but removals left when it is full. */
const isTight = (seed: number): boolean => seed % 4 === 1
const TIGHT_BYTES = 27_000
/** One in five rather leaves what has changed in the journal than to carry it over, as with many logs. */
const isManyLogs = (seed: number): boolean => seed % 5 === 2
const MANY_LOGS = { fewLogs: 0, journalBytesPerLog: 4096, replayBytes: 10_000 }
/** A full disk is looked at again after so long. */
const RETRY_MS = 1000

function open(
  seed: number,
  fileSystem: SimulatedFileSystem,
  encryption: Encryption | undefined,
  clock = new SimulatedClock(),
): Promise<Store> {
  return Store.open({
    directory: 'store',
    fileSystem,
    clock,
    compresses,
    limits: isManyLogs(seed) ? { ...LIMITS, ...MANY_LOGS } : LIMITS,
    ...(isRelaxed(seed) ? { syncInterval: SYNC_INTERVAL_MS } : {}),
    ...(encryption === undefined ? {} : { encryption }),
  })
}

/** Snapshots hold the whole history of a ledger, so that losing or repeating an entry shows. */
function ownLedger(log: MessageLog, histories: Map<string, string>): void {
  const ledger = log.ledgers.get('ledger') ?? log.createLedger('ledger', {})
  const { recovered } = ledger
  if (recovered !== null) {
    const entries = recovered.entries.map((entry) => entry.toString())
    histories.set(log.name, (recovered.snapshot?.toString() ?? '') + entries.join(''))
    ledger.recovered = null
  }
  ledger.snapshot = () => Buffer.from(histories.get(log.name) ?? '')
}

class Workload {
  readonly model: Model = new Map()
  readonly histories = new Map<string, string>()
  /** The model after each round; those below `acknowledged` are promised. */
  readonly rounds: string[] = [textOf(new Map())]
  acknowledged = 0
  /** For each round the batch that has the last of it. */
  private readonly batches: number[] = [0]
  private readonly random: Random
  private readonly store: Store
  /** Null: every commit waits for the disk. */
  private readonly clock: SimulatedClock | null
  /**
   * One in three takes its time, so that checkpoints keep up and files of the journal are used again, and has a log with
   * which little is done, whose state stays that of an earlier checkpoint.
   */
  private readonly isUnhurried: boolean
  private readonly time: SimulatedClock
  private readonly disk: SimulatedFileSystem
  private readonly isTight: boolean
  /** Rounds in which nothing new was taken. */
  tightRounds = 0

  constructor(seed: number, store: Store, clock: SimulatedClock, disk: SimulatedFileSystem) {
    this.disk = disk
    this.time = clock
    this.isTight = isTight(seed)
    this.random = new Random(seed)
    this.store = store
    this.clock = isRelaxed(seed) ? clock : null
    this.isUnhurried = seed % 3 === 2
  }

  async run(rounds: number): Promise<void> {
    if (this.isUnhurried) this.create(QUIET)
    for (let round = 0; round < rounds; round++) {
      const steps = 1 + this.random.below(this.isUnhurried ? 12 : 6)
      for (let step = 0; step < steps; step++) this.step()
      this.rounds.push(textOf(this.model))
      const number = this.rounds.length - 1
      if (this.store.shortage !== null) this.tightRounds++
      await this.durable()
      this.acknowledged = number
      this.batches.push(this.store.committedBatch)
      this.clock?.advance(this.random.below(SYNC_INTERVAL_MS))
      if (this.isUnhurried && round % 20 === 19) this.time.advance(IDLE_MS)
      if (this.isUnhurried) for (let i = this.random.below(MOST_TURNS); i > 0; i--) await Promise.resolve()
    }
  }

  private async durable(): Promise<void> {
    let isDone = false
    this.store.barrier(() => {
      isDone = true
    })
    if (!this.isTight) {
      if (!isDone) await new Promise<void>((resolve) => this.store.barrier(resolve))
      return
    }
    for (let turn = 0; !isDone || (this.store.shortage !== null && turn < 3); turn++) {
      for (let i = 0; i < MOST_TURNS && !isDone; i++) await Promise.resolve()
      await new Promise(setImmediate)
      // Nobody needs an answer without power.
      if (this.disk.hasCrashed) return new Promise(() => {})
      if (this.store.shortage !== null) this.time.advance(RETRY_MS)
    }
  }

  /** The last round that no power failure may take. */
  get promised(): number {
    if (this.clock === null) return this.acknowledged
    return this.batches.findLastIndex((batch) => batch <= this.store.syncedBatch)
  }

  private create(name: string): void {
    const log = this.store.createLog(name, { name }, { inMemory: false })
    this.model.set(name, { messages: new Map(), lastSeq: 0, ledger: '' })
    ownLedger(log, this.histories)
  }

  private step(): void {
    const { random, store, model } = this
    const isQuiet = this.isUnhurried && this.rounds.length % 30 > 20 && random.chance(0.15)
    const isFull = store.shortage !== null
    const names = [...model.keys()].filter((name) => (name === QUIET) === isQuiet)
    if (names.length === 0 || (!isQuiet && names.length < 3 && random.chance(0.05))) {
      const name = `log${random.below(1000)}`
      if (!model.has(name) && !isFull) this.create(name)
      return
    }
    const name = names[random.below(names.length)]
    const log = store.logs.get(name) as MessageLog
    const expected = model.get(name) as NonNullable<ReturnType<Model['get']>>
    const dice = random.next()
    if (dice < 0.6) {
      if (isFull) return
      const subject = Buffer.from(`s.${random.below(5)}`)
      const body = Buffer.from(`${name}:${log.lastSeq + 1}:${'x'.repeat(random.below(200))}`)
      const seq = log.append(subject, 0, subject.length, body, 0, 0, body.length, 1, 2)
      expected.messages.set(seq, `${subject}|${body}`)
      expected.lastSeq = seq
    } else if (dice < 0.75) {
      const seq = 1 + random.below(log.lastSeq + 1)
      assert.equal(log.remove(seq), expected.messages.delete(seq))
    } else if (dice < 0.8) {
      const seq = log.firstSeq + random.below(5)
      log.removeThrough(seq)
      for (const each of expected.messages.keys()) if (each <= seq) expected.messages.delete(each)
    } else if (dice < 0.83) {
      const filter = `s.${random.below(5)}`
      const keep = random.below(3)
      log.purge(subjectFilter([filter]), 0, keep)
      const matching = [...expected.messages].filter(([, text]) => text.startsWith(`${filter}|`))
      for (const [seq] of matching.slice(0, Math.max(0, matching.length - keep)))
        expected.messages.delete(seq)
    } else if (dice < 0.85) {
      const keep = random.below(4)
      log.purge(null, 0, keep)
      for (const seq of [...expected.messages.keys()].slice(0, Math.max(0, expected.messages.size - keep)))
        expected.messages.delete(seq)
    } else if (dice < 0.86) {
      if (isQuiet) return
      store.deleteLog(log)
      model.delete(name)
      this.histories.delete(name)
    } else {
      const entry = Buffer.from(`${random.below(10)}`)
      log.ledgers.get('ledger')?.append(entry, 0, entry.length, random.chance(0.5))
      expected.ledger += entry.toString()
      this.histories.set(name, expected.ledger)
    }
  }
}

async function contentOf(store: Store): Promise<string> {
  const model: Model = new Map()
  const view = new RecordView()
  const histories = new Map<string, string>()
  for (const log of store.logs.values()) {
    const messages = new Map<number, string>()
    for (let seq = log.next(null, 1); seq > 0; seq = log.next(null, seq + 1)) {
      for (let tries = 0; ; tries++) {
        const result = log.read(seq, view, null)
        if (result === 'wait' && tries < 1000) await new Promise((resolve) => setImmediate(resolve))
        else {
          assert.equal(result, 'ok', `${log.name} ${seq}`)
          break
        }
      }
      const subject = view.buffer.toString('utf8', view.subjectStart, view.subjectEnd)
      messages.set(seq, `${subject}|${view.buffer.toString('utf8', view.bodyStart, view.bodyEnd)}`)
    }
    assert.equal(log.messages, messages.size, `${log.name} counts its messages`)
    ownLedger(log, histories)
    model.set(log.name, { messages, lastSeq: log.lastSeq, ledger: histories.get(log.name) ?? '' })
  }
  return textOf(model)
}

export interface CrashOptions {
  /** A disk, or a build, that takes nothing for durable: what the check is there to find. */
  ignoresSync?: boolean
  encryption?: Encryption
}

export interface Crashed {
  /** False: the workload was over before that operation. */
  crashed: boolean
  /** Rounds that had been acknowledged. */
  acknowledged: number
  /** Rounds in which the disk was full. */
  tightRounds: number
  /** Was a segment packed? */
  isPacked: boolean
  /** What is wrong afterwards; null: nothing. */
  failure: string | null
}

/**
 * Loses power at the file operation `crashAt`, starts again, and compares. At one point of three the power fails a second
 * time, while the store recovers; at another the process is killed first, and the power fails later.
 */
export async function crashOnce(
  seed: number,
  crashAt: number,
  rounds: number,
  options: CrashOptions = {},
): Promise<Crashed> {
  const fileSystem = new SimulatedFileSystem(seed)
  fileSystem.ignoresSync = options.ignoresSync ?? false
  fileSystem.crashAt = crashAt
  const onTheSameDisk = (machine: SimulatedFileSystem): SimulatedFileSystem => {
    if (isTight(seed)) machine.capacityBytes = TIGHT_BYTES
    return machine
  }
  onTheSameDisk(fileSystem)
  const crash = fileSystem.untilCrash()
  let workload: Workload | null = null
  const run = async (): Promise<void> => {
    const clock = new SimulatedClock()
    const store = await open(seed, fileSystem, options.encryption, clock)
    store.onNeedsCommit = () => queueMicrotask(() => store.commit())
    workload = new Workload(seed, store, clock, fileSystem)
    await workload.run(rounds)
    if (seed % 2 === 0) await store.close()
    fileSystem.hasCrashed = true
  }
  await Promise.race([run(), crash])
  const crashed = crashAt > 0 && fileSystem.operations >= crashAt
  const done = workload as Workload | null
  const acknowledged = done?.acknowledged ?? 0
  const tightRounds = done?.tightRounds ?? 0
  const states = done?.rounds ?? [textOf(new Map())]
  const promised = done?.promised ?? 0
  let least = promised
  let hasPacked = hasPackedSegment(fileSystem)
  const place = `seed ${seed}, crash at operation ${crashAt}`
  /** Which round that is. @throws Error when it is none, or one before `least` */
  const roundOf = (found: string): number => {
    const at = states.lastIndexOf(found)
    if (at < 0) throw new Error(`a state that never was: ${found}`)
    if (at < least) throw new Error(`round ${least} was acknowledged, ${at} is left`)
    return at
  }
  try {
    const isKill = crashAt % 3 === 1
    let machine = onTheSameDisk(isKill ? fileSystem.killed(seed) : fileSystem.restart(seed + crashAt))
    if (isKill) least = acknowledged
    if (isKill || crashAt % 3 === 0) {
      machine.crashAt = 1 + (crashAt % (isKill ? 61 : 17))
      const second = machine.untilCrash()
      let failure: Error | null = null
      let isSeen = false
      const again = async (): Promise<void> => {
        const store = await open(seed, machine, options.encryption)
        // What somebody has seen after a start stays.
        least = roundOf(await contentOf(store))
        isSeen = true
        await store.close()
      }
      await Promise.race([again().catch((error: Error) => (failure = error)), second])
      if (failure !== null) throw failure
      if (!isSeen) least = promised
      machine = onTheSameDisk(machine.restart(seed * 31 + crashAt))
    }
    const store = await open(seed, machine, options.encryption)
    const found = await contentOf(store)
    await store.close()
    roundOf(found)
    hasPacked ||= hasPackedSegment(machine)
    return { crashed, acknowledged, tightRounds, isPacked: hasPacked, failure: null }
  } catch (thrown) {
    const failure = `${place}: ${(thrown as Error).message}`
    return { crashed, acknowledged, tightRounds, isPacked: hasPacked, failure }
  }
}

/** Of an encrypted store that can't be seen. */
function hasPackedSegment(machine: SimulatedFileSystem): boolean {
  for (const [path, content] of machine.contents())
    if (path.endsWith('.segment') && content.subarray(0, 4).toString() === 'CTRP') return true
  return false
}
