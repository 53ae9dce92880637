/** A counter of a stream: a subject whose messages add up (ADR-49). Whole numbers of any size. */
import { translated } from '../client-errors.ts'
import { ContrailError } from '../errors.ts'
import type { PublishOptions } from '../publisher/options.ts'
import type { Runtime } from '../runtime.ts'

const INCREMENT = 'Nats-Incr'
const SOURCES = 'Nats-Counter-Sources'

/** A counter as it is now. */
export interface CounterEntry {
  readonly value: bigint
  /** What the last message added. */
  readonly increment: bigint
  /** Sequence of the last message. */
  readonly seq: number
  readonly time: Date
  /** What came from other streams, by stream and subject, where the stream has counters as its sources. */
  readonly sources: Readonly<Record<string, Readonly<Record<string, bigint>>>>
}

export class Counter {
  readonly stream: string
  readonly subject: string
  readonly #runtime: () => Runtime

  constructor(stream: string, subject: string, runtime: () => Runtime) {
    this.stream = stream
    this.subject = subject
    this.#runtime = runtime
  }

  /**
   * Adds, and resolves to the value with it, when it is stored. With an `id` it is added once within the stream's duplicate window.
   * @throws ContrailError INVALID_OPTION when `by` is no whole number; as publishing to a stream does (the stream has no counters, say)
   */
  async add(by: number | bigint = 1, options: Pick<PublishOptions, 'id' | 'timeout'> = {}): Promise<bigint> {
    if (typeof by === 'number' && !Number.isSafeInteger(by)) {
      const sentence = `${by} can't be added to the counter "${this.subject}": it is no whole number (larger ones are bigints).`
      throw new ContrailError('INVALID_OPTION', sentence)
    }
    const headers = { [INCREMENT]: by < 0 ? String(by) : `+${by}` }
    const { publisher } = this.#runtime()
    const ack = await publisher.publishToStream(this.subject, '', { ...options, headers, codec: 'text' })
    // Of one that was there already (by its id) nothing is said.
    const { val } = ack as { val?: string }
    return val === undefined ? ((await this.value()) ?? 0n) : BigInt(val)
  }

  /** Its value; undefined when nothing was ever added. */
  async value(): Promise<bigint | undefined> {
    return (await this.entry())?.value
  }

  /** Its value with what the last message says; undefined when nothing was ever added. */
  async entry(): Promise<CounterEntry | undefined> {
    const { jsm } = this.#runtime()
    const message = await translated(`The counter "${this.subject}" can't be read`, () =>
      jsm.direct.getMessage(this.stream, { last_by_subj: this.subject }),
    )
    if (message === null) return undefined
    const sources = message.header?.get(SOURCES)
    return {
      value: BigInt(message.json<{ val: string }>().val),
      increment: BigInt(message.header?.get(INCREMENT) || 0),
      seq: message.seq,
      time: message.time,
      sources: sources ? sourcesOf(JSON.parse(sources)) : {},
    }
  }
}

function sourcesOf(told: Record<string, Record<string, string>>): CounterEntry['sources'] {
  const sources: Record<string, Record<string, bigint>> = {}
  for (const [stream, subjects] of Object.entries(told)) {
    sources[stream] = {}
    for (const [subject, value] of Object.entries(subjects)) sources[stream][subject] = BigInt(value)
  }
  return sources
}
