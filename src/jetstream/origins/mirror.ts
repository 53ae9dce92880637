import type { Message } from '../../core/index.ts'
import { MAX_SEQUENCE } from '../config/ranges.ts'
import type { StreamSource } from '../config/types.ts'
import type { CopyOutcome } from '../publish/copies.ts'
import { CopiedMessage } from './copied-message.ts'
import type { CopyingStream } from './copying-stream.ts'
import type { Begin, Taker } from './taker.ts'

/** Keeps the messages of an origin under their sequences and times; where it comes to is its own last sequence. */
export class Mirror implements Taker {
  readonly source: StreamSource
  readonly kind = 'mirror'
  /** A mirror goes on by sequence, whatever stream it is. */
  readonly identity = ''
  private readonly stream: CopyingStream
  private readonly copied: CopiedMessage

  constructor(stream: CopyingStream, source: StreamSource) {
    this.stream = stream
    this.source = source
    this.copied = new CopiedMessage(source)
  }

  get lastSeq(): number {
    return this.stream.log.lastSeq
  }

  begin(): Begin {
    const { log } = this.stream
    const { opt_start_seq: seq = 0, opt_start_time: time } = this.source
    if (log.lastSeq > 0) return { deliver_policy: 'by_start_sequence', opt_start_seq: log.lastSeq + 1 }
    if (seq > 0) return { deliver_policy: 'by_start_sequence', opt_start_seq: Math.min(seq, MAX_SEQUENCE) }
    if (time !== undefined) return { deliver_policy: 'by_start_time', opt_start_time: time }
    return { deliver_policy: 'all' }
  }

  joined(_identity: string, deliveredSeq: number): void {
    this.skipTo(deliveredSeq + 1)
  }

  wasMadeAnew(): void {}

  take(message: Message, seq: number, sec: number, nsec: number): Exclude<CopyOutcome, 'duplicate'> {
    this.skipTo(seq)
    const outcome = this.stream.copy(this.copied.ofMirror(message), sec, nsec)
    return outcome === 'duplicate' ? null : outcome
  }

  /** What the origin has not is not there in the mirror, either. */
  private skipTo(seq: number): void {
    const { log } = this.stream
    if (seq <= log.lastSeq + 1) return
    log.skipTo(seq)
    this.stream.needsCommit()
  }
}
