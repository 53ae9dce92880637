import type { Message } from '../../core/index.ts'
import { MAX_SEQUENCE } from '../config/ranges.ts'
import { originKey } from '../config/stream/origin-key.ts'
import { formatTime } from '../config/time-text.ts'
import type { StreamSource } from '../config/types.ts'
import type { CopyOutcome } from '../publish/copies.ts'
import { CopiedMessage, type Provenance } from './copied-message.ts'
import type { CopyingStream } from './copying-stream.ts'
import type { Position, Positions } from './positions.ts'
import type { Begin, Taker } from './taker.ts'

/** Adds the messages of an origin to the stream's own, with a header that says where they come from. */
export class Source implements Taker {
  readonly source: StreamSource
  readonly kind = 'source'
  readonly key: string
  private readonly stream: CopyingStream
  private readonly positions: Positions
  private readonly position: Position
  private readonly copied: CopiedMessage
  private readonly from: Provenance
  private isAnew = false

  constructor(stream: CopyingStream, source: StreamSource, positions: Positions, position: Position) {
    this.stream = stream
    this.source = source
    this.positions = positions
    this.position = position
    this.key = originKey(source)
    this.copied = new CopiedMessage(source)
    const space = this.key.indexOf(' ')
    this.from = {
      name: Buffer.from(this.key.slice(0, space + 1)),
      mapping: Buffer.from(`${this.key.slice(space)} `),
      identity: identityBytes(position.identity),
    }
  }

  get lastSeq(): number {
    return this.position.seq
  }

  get identity(): string {
    return this.position.identity
  }

  begin(): Begin {
    const { log } = this.stream
    const { opt_start_seq: seq = 0, opt_start_time: time } = this.source
    if (this.lastSeq > 0) return { deliver_policy: 'by_start_sequence', opt_start_seq: this.lastSeq + 1 }
    if (seq > 0) return { deliver_policy: 'by_start_sequence', opt_start_seq: Math.min(seq, MAX_SEQUENCE) }
    const last = log.lastSec > 0 ? formatTime(log.lastSec, log.lastNsec) : undefined
    if (time !== undefined) {
      // What was there before the stream's last message has been taken.
      const isEarlier = last !== undefined && Date.parse(time) < log.lastSec * 1000 + log.lastNsec / 1e6
      return { deliver_policy: 'by_start_time', opt_start_time: isEarlier ? last : time }
    }
    const hadMore = log.firstSeq > 1 && last !== undefined && !this.isAnew
    return hadMore ? { deliver_policy: 'by_start_time', opt_start_time: last } : { deliver_policy: 'all' }
  }

  joined(identity: string, deliveredSeq: number): void {
    const { position, positions } = this
    const isOther =
      this.isAnew || (identity !== '' && position.identity !== '' && identity !== position.identity)
    const seq = Math.max(isOther ? 0 : position.seq, deliveredSeq)
    this.isAnew = false
    if (isOther || identity !== position.identity) {
      positions.begin(position, identity, seq)
      this.from.identity = identityBytes(identity)
      this.stream.needsCommit()
    } else if (seq > position.seq) positions.move(position, seq)
  }

  wasMadeAnew(): void {
    this.isAnew = true
    this.positions.begin(this.position, '', 0)
  }

  take(message: Message, seq: number): Exclude<CopyOutcome, 'duplicate'> {
    const outcome = this.stream.copy(this.copied.ofSource(message, seq, this.from), -1, 0)
    if (outcome !== null && outcome !== 'duplicate') return outcome
    this.positions.move(this.position, seq)
    return null
  }
}

function identityBytes(identity: string): Buffer {
  return Buffer.from(identity === '' ? '' : ` ${identity}`)
}
