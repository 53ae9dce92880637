import type { SubjectFilter } from '../../src/subjects/index.ts'

interface Stored {
  subject: string
  body: Buffer
  headerLength: number
  ms: number
}

/** Entries of a consumer, durable up to where the test says so. */
export class NaiveLedger {
  readonly name: string
  meta: unknown
  snapshot: (() => Buffer) | null = null
  recovered: { snapshot: Buffer | null; entries: Buffer[] } | null = null
  private kept: Buffer | null = null
  private entries: Buffer[] = []
  private durable = 0

  constructor(name: string, meta: unknown) {
    this.name = name
    this.meta = meta
  }

  append(buffer: Buffer, start: number, end: number): void {
    this.entries.push(Buffer.from(buffer.subarray(start, end)))
  }

  setMeta(meta: unknown): void {
    this.meta = meta
  }

  delete(): void {}

  commit(): void {
    this.durable = this.entries.length
  }

  /** Everything so far becomes one snapshot; what is not durable yet stays behind it all the same. */
  checkpoint(): void {
    this.kept = (this.snapshot as () => Buffer)()
    this.entries = this.entries.slice(this.durable)
    this.durable = 0
  }

  /** What is left of it after a crash. */
  crash(): NaiveLedger {
    const after = new NaiveLedger(this.name, JSON.parse(JSON.stringify(this.meta)))
    after.kept = this.kept
    after.entries = this.entries.slice(0, this.durable)
    after.durable = this.durable
    after.recovered = { snapshot: this.kept, entries: after.entries.slice() }
    return after
  }
}

/** The simplest log that could be right: a map. What the consumer of a real one is compared with. */
export class NaiveLog {
  inMemory = true
  lost = { count: 0 }
  readonly ledgers = new Map<string, NaiveLedger>()
  lastSeq = 0
  committedSeq = 0
  readonly stored = new Map<number, Stored>()

  append(subject: string, body: string, ms: number, headers = ''): number {
    this.lastSeq++
    const bytes = Buffer.from(headers + body)
    this.stored.set(this.lastSeq, { subject, body: bytes, headerLength: headers.length, ms })
    return this.lastSeq
  }

  createLedger(name: string, meta: unknown): NaiveLedger {
    const ledger = new NaiveLedger(name, meta)
    this.ledgers.set(name, ledger)
    return ledger
  }

  get firstSeq(): number {
    for (const seq of this.stored.keys()) return seq
    return this.lastSeq + 1
  }

  has(seq: number): boolean {
    return this.stored.has(seq)
  }

  subjectOf(seq: number): { buffer: Buffer; start: number; end: number } | null {
    const found = this.stored.get(seq)
    if (found === undefined) return null
    const buffer = Buffer.from(found.subject)
    return { buffer, start: 0, end: buffer.length }
  }

  remove(seq: number): boolean {
    return this.stored.delete(seq)
  }

  read(seq: number, out: Record<string, unknown>): 'ok' | 'missing' {
    const found = this.stored.get(seq)
    if (found === undefined) return 'missing'
    const subject = Buffer.from(found.subject)
    out.seq = seq
    out.sec = Math.floor(found.ms / 1000)
    out.nsec = Math.round((found.ms % 1000) * 1e6)
    out.buffer = Buffer.concat([subject, found.body])
    out.subjectStart = 0
    out.subjectEnd = subject.length
    out.bodyStart = subject.length
    out.headerLength = found.headerLength
    out.bodyEnd = subject.length + found.body.length
    return 'ok'
  }

  next(filter: SubjectFilter | null, from: number): number {
    for (const [seq, { subject }] of this.stored) {
      if (seq > this.committedSeq) return 0
      if (seq >= from && (filter === null || filter.matchesLatin1(subject))) return seq
    }
    return 0
  }

  previous(filter: SubjectFilter | null, upTo: number): number {
    let found = 0
    for (const [seq, { subject }] of this.stored) {
      if (seq <= upTo && (filter === null || filter.matchesLatin1(subject))) found = seq
    }
    return found
  }

  count(filter: SubjectFilter | null, from: number): number {
    let count = 0
    for (const [seq, { subject }] of this.stored) {
      if (seq >= from && (filter === null || filter.matchesLatin1(subject))) count++
    }
    return count
  }

  lastSeqs(filter: SubjectFilter | null): Float64Array {
    const last = new Map<string, number>()
    for (const [seq, { subject }] of this.stored) {
      if (filter === null || filter.matchesLatin1(subject)) last.set(subject, seq)
    }
    return Float64Array.from(last.values())
  }

  timeOfMs(seq: number): number {
    return this.stored.get(seq)?.ms ?? 0
  }

  seqAtTime(sec: number, nsec: number): number {
    for (const [seq, { ms }] of this.stored) if (ms >= sec * 1000 + nsec / 1e6) return seq
    return this.lastSeq + 1
  }
}
