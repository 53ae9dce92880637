/**
 * A script made by chance about what time removes: times to live, delete markers, max_age, and all that is done to a
 * stream meanwhile. It is laid out before it runs: what is done in which half second, never in one in which a message ends.
 */
import { Random } from '../../../../src/ports/random.ts'
import { Ends, type Span } from './ends.ts'

export const SLOT_MS = 500
/** Operations come so long behind the beginning of a slot, and within this time: with files nats-server's clock may be behind. */
export const OPERATION_AT_MS = 50
const OPERATION_MS = 150
/** Slots with operations, and those that are watched after them. */
const BUSY_SLOTS = 16
export const SLOTS = 27
const SECOND = 1e9

/** What `Nats-TTL` says, and how long that is in milliseconds; 0: it says nothing, or what is refused. */
const TTLS: readonly (readonly [string, number])[] = [
  ['1s', 1000],
  ['1', 1000],
  ['2s', 2000],
  ['2', 2000],
  ['2500ms', 2000],
  ['3s', 3000],
  ['5s', 5000],
  ['1h', 3_600_000],
  ['never', Number.POSITIVE_INFINITY],
  ['never', Number.POSITIVE_INFINITY],
  ['0', 0],
  ['', 0],
  ['x', 0],
]
const LIMITS = {
  max_msgs: [-1, 2, 4, 6],
  max_bytes: [-1, 400, 800],
  max_msgs_per_subject: [-1, 1, 2, 3],
} as const

export type StreamConfig = Record<string, unknown> & { max_age?: number; subject_delete_marker_ttl?: number }

export type Operation =
  | { kind: 'publish'; subject: string; headers: string; body: string; ttlMs: number }
  /** A request to the API about the stream. */
  | { kind: 'api'; verb: string; body: unknown }
  | { kind: 'update'; config: StreamConfig }
  /** A consumer takes a message, and says this of it. */
  | { kind: 'take'; consumer: string; answer: string }

export class TtlPlan {
  readonly seed: number
  readonly stream: string
  readonly config: StreamConfig
  readonly consumers: readonly Record<string, unknown>[]
  /** By slot. */
  readonly operations: Operation[][] = []
  private readonly random: Random
  private readonly prefix: string
  private readonly hasMarkers: boolean
  private ends = new Ends()
  private current: StreamConfig
  private messages = 0
  /** Up to here sequences are those of what was published: the order of markers is left to chance. */
  private knownSeq = 0
  private wereEnds = false

  constructor(seed: number) {
    this.seed = seed
    this.random = new Random(seed)
    // Neighbouring seeds begin alike.
    for (let i = 0; i < 5; i++) this.random.next()
    this.stream = `T${seed}`
    this.prefix = `t${seed}`
    this.hasMarkers = this.random.chance(0.75)
    this.config = this.firstConfig()
    this.current = this.config
    this.consumers =
      this.config.retention === 'limits' && !this.random.chance(0.2) ? [] : this.someConsumers()
    this.ends.configure(this.config, at(0))
    for (let slot = 0; slot < BUSY_SLOTS; slot++) this.operations.push(this.slot(slot))
  }

  private slot(slot: number): Operation[] {
    const { random } = this
    const span = at(slot)
    if (this.ends.areDue({ from: span.from - 20, to: span.to })) {
      this.wereEnds = true
      return []
    }
    if (slot > 0 && random.chance(0.35)) return []
    const operations: Operation[] = []
    for (let count = slot === 0 ? 2 + random.below(3) : 1 + random.below(3); count > 0; count--) {
      const operation = slot === 0 ? this.publish() : this.operation()
      // What was published just now may be there for a consumer, or not yet.
      if (operation.kind === 'take' && operations.some(({ kind }) => kind !== 'take')) continue
      if (!this.expect(operation, span)) continue
      operations.push(operation)
      if (operation.kind === 'publish') this.messages++
      // It may remove at once, and what comes then is not to come before or behind that by chance.
      if (operation.kind === 'update') break
    }
    if (!this.wereEnds) this.knownSeq = this.messages
    return operations
  }

  /**
   * Takes account of what an operation makes end. False: it is better not done. With files nats-server reads a clock that is up to
   * 100 ms behind for max_age: what ends together by age and by time to live leaves its markers in no certain order, and limits
   * then remove one or the other.
   */
  private expect(operation: Operation, span: Span): boolean {
    const before = this.ends
    this.ends = before.copy()
    if (operation.kind === 'publish') this.ends.publish(span, operation.ttlMs)
    if (operation.kind === 'update') {
      this.ends.configure(operation.config, span)
      if (!this.isUncertain) this.current = operation.config
    }
    if (this.isUncertain) this.ends = before
    return this.ends !== before
  }

  private get isUncertain(): boolean {
    return this.hasMarkers && this.config.storage === 'file' && this.ends.areMixed
  }

  private operation(): Operation {
    const steps: [number, () => Operation][] = [
      [14, () => this.publish()],
      [2, () => this.deleteMessage()],
      [3, () => this.purge()],
      [3, () => this.update()],
      [this.consumers.length === 0 ? 0 : 4, () => this.take()],
    ]
    let dice = this.random.next() * steps.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, step] of steps) {
      dice -= weight
      if (dice < 0) return step()
    }
    return this.publish()
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.random.below(from.length)]
  }

  private markerSeconds(): number {
    return this.hasMarkers ? this.pick([0, 1, 1, 2, 2, 4]) : 0
  }

  private subject(): string {
    return `${this.prefix}.${this.pick(['a', 'b', 'b', 'c'])}`
  }

  private firstConfig(): StreamConfig {
    const { random } = this
    const config: StreamConfig = {
      name: this.stream,
      subjects: [`${this.prefix}.*`],
      storage: this.pick(['file', 'memory']),
      retention: this.pick(['limits', 'limits', 'limits', 'interest', 'workqueue']),
      max_age: this.pick([0, 0, 1, 1.5, 2, 3]) * SECOND,
      allow_direct: true,
      allow_msg_ttl: random.chance(0.95),
      allow_rollup_hdrs: random.chance(0.9),
      duplicate_window: SECOND / 10,
    }
    const markers = this.markerSeconds()
    if (markers > 0) config.subject_delete_marker_ttl = markers * SECOND
    return { ...config, ...this.limits(0.25) }
  }

  /** Some limits, each with this chance. */
  private limits(chance: number): Record<string, unknown> {
    const { random } = this
    const limits: Record<string, unknown> = {}
    for (const [name, values] of Object.entries(LIMITS))
      if (random.chance(chance)) limits[name] = this.pick(values)
    // A marker for which there is no room is a known difference.
    const isFull = [limits.max_msgs, limits.max_bytes].some((limit) => limit !== undefined && limit !== -1)
    if (random.chance(0.25) && !(this.hasMarkers && isFull)) limits.discard = 'new'
    if (limits.discard === 'new' && (limits.max_msgs_per_subject as number) > 0 && random.chance(0.3))
      limits.discard_new_per_subject = true
    return limits
  }

  private someConsumers(): Record<string, unknown>[] {
    const filters = this.pick([[undefined], ['a'], ['a', 'b'], ['b', 'c'], []])
    return filters.map((name, index) => ({
      durable_name: `c${index}`,
      ack_policy: 'explicit',
      ...(name === undefined ? {} : { filter_subject: `${this.prefix}.${name}` }),
    }))
  }

  private publish(): Operation {
    const { random } = this
    const lines: string[] = []
    let ttlMs = 0
    if (random.chance(0.55)) {
      const [value, ms] = this.pick(TTLS)
      lines.push(`Nats-TTL: ${value}`)
      ttlMs = ms
    }
    if (random.chance(0.2))
      lines.push(`KV-Operation: ${this.pick(['DEL', 'DEL', 'PURGE', 'PURGE', 'PUT', 'purge'])}`)
    if (random.chance(0.12)) lines.push(`Nats-Rollup: ${this.pick(['sub', 'sub', 'all', 'SUB'])}`)
    if (random.chance(0.12))
      lines.push(`Nats-Marker-Reason: ${this.pick(['MaxAge', 'Purge', 'Remove', 'x', ''])}`)
    if (random.chance(0.2)) lines.push('Other: value')
    for (let i = lines.length - 1; i > 0; i--) {
      const j = random.below(i + 1)
      const line = lines[i]
      lines[i] = lines[j]
      lines[j] = line
    }
    const body = 'x'.repeat(random.below(20))
    return { kind: 'publish', subject: this.subject(), headers: lines.join('\n'), body, ttlMs }
  }

  private deleteMessage(): Operation {
    const seq = 1 + this.random.below(Math.max(this.knownSeq, 1))
    const body = this.random.chance(0.5) ? { seq } : { seq, no_erase: true }
    return { kind: 'api', verb: 'STREAM.MSG.DELETE', body }
  }

  private purge(): Operation {
    const { random } = this
    const body: Record<string, unknown> = {}
    // With files, and the stream's last message deleted, nats-server goes wrong about its first one behind a purge by sequence alone.
    if (this.config.storage === 'file' || random.chance(0.7))
      body.filter = this.pick([this.subject(), this.subject(), `${this.prefix}.*`])
    if (random.chance(0.2)) return { kind: 'api', verb: 'STREAM.PURGE', body: {} }
    const kind = random.below(4)
    if (kind === 0) body.seq = 1 + random.below(Math.max(this.knownSeq, 1))
    if (kind === 1) body.keep = 1 + random.below(2)
    return { kind: 'api', verb: 'STREAM.PURGE', body }
  }

  private update(): Operation {
    const { random } = this
    const config: StreamConfig = { ...this.current, allow_msg_ttl: true }
    const kind = random.below(4)
    if (kind === 0 || kind === 3) config.max_age = this.pick([0, 1, 1.5, 2, 3, 4]) * SECOND
    if (kind === 1 || kind === 3) config.subject_delete_marker_ttl = this.markerSeconds() * SECOND
    if (kind === 2) {
      for (const name of [...Object.keys(LIMITS), 'discard', 'discard_new_per_subject']) delete config[name]
      Object.assign(config, this.limits(0.4))
    }
    return { kind: 'update', config }
  }

  private take(): Operation {
    const answer = this.pick(['+ACK', '+ACK', '+TERM', ''])
    return { kind: 'take', consumer: String(this.pick(this.consumers).durable_name), answer }
  }
}

function at(slot: number): Span {
  const from = slot * SLOT_MS + OPERATION_AT_MS
  return { from, to: from + OPERATION_MS }
}
