import { PatternIndex } from '../../subjects/index.ts'
import { originsOf } from '../config/stream/origins.ts'
import type { StreamConfig } from '../config/types.ts'
import type { AccountUsage } from '../stream/account-usage.ts'
import type { StreamHost } from '../stream/host.ts'
import type { Stream } from './stream.ts'

/** The streams of an account by name, and what is asked of all of them: answered without a look at each. */
export class Streams extends Map<string, Stream> {
  /** The configuration of a stream, by its name. */
  readonly configOf = (name: string): StreamConfig | undefined => this.get(name)?.config
  private readonly host: StreamHost
  private readonly usage: AccountUsage
  private readonly subjects = new PatternIndex<Stream>()
  private readonly copies = new Map<string, Set<Stream>>()
  /** The configuration that each was counted with. */
  private readonly counted = new Map<Stream, StreamConfig>()

  constructor(host: StreamHost, usage: AccountUsage) {
    super()
    this.host = host
    this.usage = usage
  }

  /** The streams that copy from the one of this name. */
  copiesOf(name: string): Iterable<Stream> {
    return this.copies.get(name) ?? []
  }

  /** Is there any? */
  isCopied(name: string): boolean {
    return this.copies.has(name)
  }

  override set(name: string, stream: Stream): this {
    this.delete(name)
    super.set(name, stream)
    this.count(stream)
    return this
  }

  override delete(name: string): boolean {
    const stream = this.get(name)
    if (stream !== undefined) this.discount(stream)
    return super.delete(name)
  }

  /** The stream has another configuration than before. */
  updated(stream: Stream): void {
    if (this.get(stream.name) !== stream) return
    this.discount(stream)
    this.count(stream)
  }

  /** Does one of the subjects meet one of another stream than `self`? */
  overlap(subjects: readonly string[], self: Stream | null): boolean {
    return subjects.some((subject) => this.subjects.meetsOther(subject, self))
  }

  private count(stream: Stream): void {
    const { config } = stream
    this.counted.set(stream, config)
    for (const subject of config.subjects ?? []) this.subjects.add(subject, stream)
    for (const { name } of originsOf(config)) {
      this.copies.set(name, (this.copies.get(name) ?? new Set()).add(stream))
    }
    this.reserve(stream, Math.max(config.max_bytes ?? 0, 0))
  }

  private discount(stream: Stream): void {
    const config = this.counted.get(stream)
    this.counted.delete(stream)
    for (const subject of config?.subjects ?? []) this.subjects.remove(subject, stream)
    for (const { name } of config === undefined ? [] : originsOf(config)) {
      const streams = this.copies.get(name)
      if (streams?.delete(stream) && streams.size === 0) this.copies.delete(name)
    }
    this.reserve(stream, -Math.max(config?.max_bytes ?? 0, 0))
  }

  private reserve(stream: Stream, bytes: number): void {
    this.host.reserve(stream.log.inMemory, bytes)
    this.usage.reserve(stream.log.inMemory, bytes)
  }
}
