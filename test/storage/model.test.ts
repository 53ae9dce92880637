/** A log does what a plain array does, whatever is done to it, on files and in memory, across restarts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/ports/random.ts'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'
import { type MessageLog, Store } from '../../src/storage/index.ts'
import { type SubjectFilter, subjectFilter } from '../../src/subjects/index.ts'
import { NaiveLog } from './naive-log.ts'
import { readAll } from './read-all.ts'
import { SMALL_LIMITS } from './small-limits.ts'

const SUBJECTS = ['a', 'a.b', 'a.b.c', 'a.c', 'b.b', 'b.c.d', 'ключ.1', 'ключ.2', `long.${'x'.repeat(90)}`]
const PATTERNS = [
  ['a'],
  ['a.b'],
  ['*'],
  ['a.*'],
  ['a.>'],
  ['>'],
  ['*.b'],
  ['ключ.*'],
  ['ключ.1'],
  ['a.b', 'b.>'],
  ['none'],
]
const FILTERS: (SubjectFilter | null)[] = [null, ...PATTERNS.map((patterns) => subjectFilter(patterns))]

class Bench {
  readonly random: Random
  readonly naive = new NaiveLog()
  readonly inMemory: boolean
  fileSystem: SimulatedFileSystem
  store: Store | null = null
  log: MessageLog | null = null
  private sec = 1_700_000_000
  private nsec = 0

  constructor(seed: number, inMemory: boolean) {
    this.random = new Random(seed)
    this.inMemory = inMemory
    this.fileSystem = new SimulatedFileSystem(seed)
  }

  async open(): Promise<void> {
    this.store = await Store.open({
      directory: 'store',
      fileSystem: this.fileSystem,
      clock: new SimulatedClock(),
      limits: SMALL_LIMITS,
      log: (level, text) => assert.fail(`${level} ${text}`),
    })
    this.log = this.store.logs.get('log') ?? this.store.createLog('log', {}, { inMemory: this.inMemory })
  }

  async committed(): Promise<void> {
    await new Promise<void>((resolve) => (this.store as Store).barrier(resolve))
  }

  /** A clean stop, or the power going with everything committed. */
  async restart(): Promise<void> {
    if (this.inMemory) return
    await this.committed()
    if (this.random.chance(0.5)) await this.store?.close()
    this.fileSystem.hasCrashed = true
    this.fileSystem = this.fileSystem.restart(this.random.below(1_000_000))
    await this.open()
  }

  step(): void {
    const { random, naive } = this
    const log = this.log as MessageLog
    const dice = random.next()
    const near = (): number =>
      Math.max(0, naive.firstSeq - 3 + random.below(log.lastSeq - naive.firstSeq + 8))
    const filter = FILTERS[random.below(FILTERS.length)]
    if (dice < 0.7) this.append()
    else if (dice < 0.85) {
      const seq = near()
      assert.equal(log.remove(seq), naive.remove(seq), `remove ${seq}`)
    } else if (dice < 0.9) {
      const seq = naive.firstSeq + random.below(12)
      assert.equal(log.removeThrough(seq), naive.removeThrough(seq), `removeThrough ${seq}`)
    } else if (dice < 0.93) {
      const upTo = random.chance(0.5) ? 0 : near()
      const keep = random.chance(0.5) ? 0 : random.below(5)
      assert.equal(
        log.purge(filter, upTo, keep),
        naive.purge(filter, upTo, keep),
        `purge ${filter?.patterns} ${upTo} ${keep}`,
      )
    } else if (dice < 0.94) {
      const next = log.lastSeq + 1 + random.below(random.chance(0.5) ? 5 : 3000)
      log.skipTo(next)
      naive.lastSeq = next - 1
    } else {
      const subject = SUBJECTS[random.below(SUBJECTS.length)]
      const bytes = Buffer.from(subject)
      const first = log.firstSeqOf(bytes, 0, bytes.length)
      assert.equal(first, naive.of(subject)[0]?.seq ?? 0, `firstSeqOf ${subject}`)
      if (first > 0) assert.equal(log.remove(first), naive.remove(first))
    }
  }

  private append(): void {
    const { random } = this
    this.nsec += random.below(400_000_000)
    if (this.nsec >= 1e9) {
      this.nsec -= 1e9
      this.sec++
    }
    const subject = SUBJECTS[random.below(SUBJECTS.length)]
    const headers = random.chance(0.3) ? `NATS/1.0\r\nA: ${random.below(100)}\r\n\r\n` : ''
    const payload = 'p'.repeat(random.chance(0.05) ? random.below(3000) : random.below(120))
    const bytes = Buffer.from(`--${subject}`)
    const body = Buffer.from(`..${headers}${payload}`)
    const message = { subject, headers, payload, sec: this.sec, nsec: this.nsec }
    const log = this.log as MessageLog
    const seq = log.append(bytes, 2, bytes.length, body, 2, headers.length, body.length, this.sec, this.nsec)
    assert.equal(seq, this.naive.append(message))
  }

  async check(): Promise<void> {
    const { naive, random } = this
    const log = this.log as MessageLog
    await this.committed()
    assert.equal(log.committedSeq, log.lastSeq)
    assert.equal(log.lastSeq, naive.lastSeq)
    assert.equal(log.firstSeq, naive.firstSeq)
    assert.equal(log.messages, naive.messages.length)
    let bytes = 0
    for (const each of naive.messages) {
      bytes += log.sizeOf(Buffer.byteLength(each.subject), each.headers.length, each.payload.length)
    }
    assert.equal(log.bytes, bytes)
    const live = new Set(naive.messages.map((each) => each.seq))
    if (log.lastSeq - log.firstSeq < 2000) {
      const deleted: number[] = []
      for (let seq = naive.firstSeq; seq <= naive.lastSeq; seq++) if (!live.has(seq)) deleted.push(seq)
      assert.deepEqual(log.deleted(), deleted)
      assert.equal(log.numDeleted, deleted.length)
    }
    for (const subject of SUBJECTS) {
      const name = Buffer.from(subject)
      const of = naive.of(subject)
      assert.equal(log.countOf(name, 0, name.length), of.length, `countOf ${subject}`)
      assert.equal(log.lastSeqOf(name, 0, name.length), of.at(-1)?.seq ?? 0, `lastSeqOf ${subject}`)
      assert.equal(log.firstSeqOf(name, 0, name.length), of[0]?.seq ?? 0, `firstSeqOf ${subject}`)
    }
    for (const filter of FILTERS) {
      const matching = naive.matching(filter)
      for (let i = 0; i < 4; i++) {
        const from = i === 0 ? 0 : naive.firstSeq - 2 + random.below(naive.lastSeq - naive.firstSeq + 5)
        const what = `${filter?.patterns} from ${from}`
        assert.equal(
          log.next(filter, from),
          matching.find((each) => each.seq >= from)?.seq ?? 0,
          `next ${what}`,
        )
        assert.equal(
          log.previous(filter, from),
          matching.findLast((each) => each.seq <= from)?.seq ?? 0,
          `previous ${what}`,
        )
        assert.equal(
          log.count(filter, from),
          matching.filter((each) => each.seq >= from).length,
          `count ${what}`,
        )
      }
      const seen = new Map<string, number[]>()
      log.eachSubject(filter, (subject, count, last) => seen.set(subject, [count, last]))
      for (const [subject, [count, last]] of seen) {
        assert.deepEqual([count, last], [naive.of(subject).length, naive.of(subject).at(-1)?.seq], subject)
      }
      assert.equal(seen.size, new Set(matching.map((each) => each.subject)).size)
    }
    for (let i = 0; i < 5; i++) {
      const sec = this.sec - random.below(30)
      const nsec = random.below(1e9)
      const found = naive.messages.find((each) => each.sec > sec || (each.sec === sec && each.nsec >= nsec))
      assert.equal(log.seqAtTime(sec, nsec), found?.seq ?? naive.lastSeq + 1, 'seqAtTime')
    }
    const oldest = naive.messages[0]
    assert.equal(
      log.oldestMs(),
      oldest === undefined ? Number.POSITIVE_INFINITY : oldest.sec * 1000 + oldest.nsec / 1e6,
    )
    assert.deepEqual(await readAll(log), naive.messages)
  }
}

const ROUNDS = Number(process.env.MODEL_ROUNDS ?? 40)
const SEEDS = Number(process.env.MODEL_SEEDS ?? 5)

for (const inMemory of [false, true]) {
  for (let seed = 1; seed <= SEEDS; seed++) {
    test(`a log ${inMemory ? 'in memory' : 'on files'} does what a plain array does (seed ${seed})`, async () => {
      const bench = new Bench(seed * 7919, inMemory)
      await bench.open()
      for (let round = 0; round < ROUNDS; round++) {
        const steps = bench.random.below(60)
        for (let i = 0; i < steps; i++) bench.step()
        await bench.check()
        if (bench.random.chance(0.25)) {
          await bench.restart()
          await bench.check()
        }
      }
      await bench.store?.close()
    })
  }
}
