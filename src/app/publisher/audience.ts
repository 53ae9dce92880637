/** Who has what an app publishes: streams and handlers declared in it, and others that it was told of. */
import { ContrailError } from '../errors.ts'
import type { Log } from '../log.ts'
import { nearestSubject } from '../nearest.ts'
import { assertSubject, subjectMatches } from '../subject-pattern.ts'

export interface AudienceOptions {
  /** What nobody has is an error. Default: a warning. */
  strict?: boolean
  /** Subjects that others keep or hear. */
  elsewhere?: readonly string[]
}

/** 'kept': by a stream that is declared and has been made. 'lost': nobody known has it. */
export type Fate = 'kept' | 'heard' | 'lost'

/** Subjects of which the fate is remembered; others are looked up each time. */
const MOST_REMEMBERED = 4096
const MOST_WARNINGS = 32
/** Answers to requests, and what servers and clients use among themselves. */
const NOT_OURS = /^(?:_|\$)/

export class Audience {
  readonly #log: Log
  readonly #isStrict: boolean
  readonly #elsewhere: readonly string[]
  /** Subjects of streams that have been made. */
  readonly #kept: string[] = []
  /** Subject → as it was declared: of streams and of handlers, also of those that are still to start. */
  readonly #known = new Map<string, string>()
  readonly #fates = new Map<string, Fate>()
  readonly #warned = new Set<string>()

  constructor(log: Log, { strict = false, elsewhere = [] }: AudienceOptions = {}) {
    this.#log = log
    this.#isStrict = strict
    this.#elsewhere = elsewhere
  }

  /** Somebody keeps or hears these: as NATS writes them → as they were declared. */
  know(subjects: ReadonlyMap<string, string>): void {
    for (const [subject, source] of subjects) this.#known.set(subject, source)
    this.#fates.clear()
  }

  /** A stream keeps these from now on. */
  keep(subjects: ReadonlyMap<string, string>): void {
    this.#kept.push(...subjects.keys())
    this.know(subjects)
  }

  isKept(subject: string): boolean {
    const fate = this.#fates.get(subject)
    return fate === undefined ? this.#kept.some((filter) => subjectMatches(filter, subject)) : fate === 'kept'
  }

  /**
   * What becomes of a publication.
   * @throws ContrailError INVALID_SUBJECT; NOBODY_LISTENS where that is an error
   */
  fateOf(subject: string): Fate {
    const fate = this.#fates.get(subject) ?? this.#lookUp(subject)
    if (fate === 'lost' && this.#isStrict) throw new ContrailError('NOBODY_LISTENS', this.#sentence(subject))
    return fate
  }

  #lookUp(subject: string): Fate {
    assertSubject(subject)
    const fate = this.#settle(subject)
    if (this.#fates.size >= MOST_REMEMBERED) this.#fates.clear()
    this.#fates.set(subject, fate)
    if (fate === 'lost' && !this.#isStrict) this.#warn(subject)
    return fate
  }

  #settle(subject: string): Fate {
    const matches = (filter: string) => subjectMatches(filter, subject)
    if (this.#kept.some(matches)) return 'kept'
    if (NOT_OURS.test(subject) || this.#elsewhere.some(matches)) return 'heard'
    // Where nothing is declared it is others that hear everything.
    const knowsNobody = this.#known.size === 0 && !this.#isStrict
    return knowsNobody || [...this.#known.keys()].some(matches) ? 'heard' : 'lost'
  }

  /** Once for what differs in ids only, and not without end. */
  #warn(subject: string): void {
    const kind = subject
      .split('.')
      .map((token) => (/\d/.test(token) ? '*' : token))
      .join('.')
    if (this.#warned.has(kind) || this.#warned.size > MOST_WARNINGS) return
    this.#warned.add(kind)
    if (this.#warned.size > MOST_WARNINGS) {
      this.#log.warn(
        'more subjects are published to that nobody in this app hears: they are not told any more',
      )
      return
    }
    this.#log.warn(
      { subject },
      `${this.#sentence(subject)} If others do, say so: new App(…, { elsewhere: ['${kind}'] }).`,
    )
  }

  #sentence(subject: string): string {
    const nearest = nearestSubject(subject, this.#known.values())
    const meant = nearest === undefined ? '' : ` Did you mean "${nearest}"?`
    return `Nobody in this app hears "${subject}", and no stream that it declares keeps it.${meant}`
  }
}
