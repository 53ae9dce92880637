import type { SubjectFilter } from '../../src/subjects/index.ts'

export interface NaiveMessage {
  seq: number
  subject: string
  headers: string
  payload: string
  sec: number
  nsec: number
}

/** A log as a plain array: slow, and easy to see through. */
export class NaiveLog {
  messages: NaiveMessage[] = []
  lastSeq = 0

  append(message: Omit<NaiveMessage, 'seq'>): number {
    this.lastSeq++
    this.messages.push({ seq: this.lastSeq, ...message })
    return this.lastSeq
  }

  remove(seq: number): boolean {
    const before = this.messages.length
    this.messages = this.messages.filter((each) => each.seq !== seq)
    return this.messages.length < before
  }

  removeThrough(seq: number): number {
    return this.keepOnly((each) => each.seq > seq)
  }

  purge(filter: SubjectFilter | null, upToSeq: number, keep: number): number {
    const bound = upToSeq > 0 ? upToSeq : this.lastSeq + 1
    const matching = this.matching(filter).filter((each) => each.seq < bound)
    const gone = new Set(matching.slice(0, Math.max(0, matching.length - keep)))
    return this.keepOnly((each) => !gone.has(each))
  }

  matching(filter: SubjectFilter | null): NaiveMessage[] {
    return this.messages.filter(
      (each) => filter === null || filter.matchesLatin1(Buffer.from(each.subject).toString('latin1')),
    )
  }

  of(subject: string): NaiveMessage[] {
    return this.messages.filter((each) => each.subject === subject)
  }

  get firstSeq(): number {
    return this.messages[0]?.seq ?? this.lastSeq + 1
  }

  private keepOnly(keep: (message: NaiveMessage) => boolean): number {
    const before = this.messages.length
    this.messages = this.messages.filter(keep)
    return before - this.messages.length
  }
}
