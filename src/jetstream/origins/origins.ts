import { originKey } from '../config/stream/origin-key.ts'
import type { StreamConfig, StreamSource, StreamSourceInfo } from '../config/types.ts'
import type { CopyingStream } from './copying-stream.ts'
import { Follower } from './follower.ts'
import { Mirror } from './mirror.ts'
import { Positions } from './positions.ts'
import { Source } from './source.ts'

/** What a stream copies from: its mirror's origin, or its sources. */
export class Origins {
  private readonly stream: CopyingStream
  private readonly positions: Positions
  private mirror: Follower | null = null
  private readonly sources = new Map<string, Follower>()
  private isOpen = false

  constructor(stream: CopyingStream) {
    this.stream = stream
    this.positions = new Positions(stream.log, () => stream.positionsMoved())
  }

  /** Begins to follow. */
  open(): void {
    this.isOpen = true
    this.configure(this.stream.config)
  }

  /** Takes over a changed configuration: what stays goes on. */
  configure(config: StreamConfig): void {
    if (!this.isOpen) return
    const { mirror } = config
    if (mirror === undefined) {
      this.mirror?.forget()
      this.mirror = null
    } else if (this.mirror === null) {
      this.mirror = new Follower(this.stream, new Mirror(this.stream, mirror))
      this.mirror.start()
    }
    const wanted = new Map((config.sources ?? []).map((source) => [originKey(source), source]))
    for (const [key, follower] of this.sources) {
      if (wanted.has(key)) continue
      follower.forget()
      this.sources.delete(key)
    }
    for (const follower of this.sources.values()) follower.othersChanged()
    for (const [key, source] of wanted) if (!this.sources.has(key)) this.follow(key, source, wanted)
  }

  /** A stream of the account was made. */
  streamMade(name: string): void {
    this.mirror?.streamMade(name)
    for (const follower of this.sources.values()) follower.streamMade(name)
  }

  /** Does it answer direct gets of the messages of the stream it mirrors? */
  answersFor(name: string): boolean {
    const { mirror, mirror_direct: isDirect } = this.stream.config
    return isDirect === true && mirror?.name === name && this.mirror?.isNearEnd === true
  }

  /** A backup brings a message that was copied: `header` says from where (`Nats-Stream-Source`). What follows goes on behind it. */
  restored(header: string): void {
    const [place, seq, filters, destinations, , identity = ''] = header.split(' ')
    const wanted = (this.stream.config.sources ?? []).map(originKey)
    const key = `${place} ${filters} ${destinations}`
    if (!wanted.includes(key) || !(Number(seq) > 0)) return
    const position = this.positions.of(key, (other) => wanted.includes(other))
    if (identity !== position.identity) this.positions.begin(position, identity, Number(seq))
    else this.positions.move(position, Number(seq))
  }

  /** Before a commit: how far copying has come goes with what was copied. */
  flush(): void {
    this.positions.flush()
  }

  /** The fields of the stream's info. */
  info(): { mirror?: StreamSourceInfo; sources?: StreamSourceInfo[] } {
    const nowMs = this.stream.clock.now()
    if (this.mirror !== null) return { mirror: this.mirror.info(nowMs) }
    if (this.sources.size === 0) return {}
    return { sources: [...this.sources.values()].map((follower) => follower.info(nowMs)) }
  }

  /** The stream ends: `isDeleted`: for good. */
  close(isDeleted: boolean): void {
    this.isOpen = false
    for (const follower of [this.mirror, ...this.sources.values()]) {
      if (isDeleted) follower?.forget()
      else follower?.close()
    }
  }

  private follow(key: string, source: StreamSource, wanted: ReadonlyMap<string, unknown>): void {
    const position = this.positions.of(key, (other) => wanted.has(other))
    const follower = new Follower(this.stream, new Source(this.stream, source, this.positions, position))
    this.sources.set(key, follower)
    follower.start()
  }
}
