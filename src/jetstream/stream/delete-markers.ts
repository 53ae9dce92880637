import { Message } from '../../core/index.ts'
import { RecordView } from '../../storage/index.ts'
import { formatDuration } from '../config/go-duration.ts'
import { CHORE_SLICE_MS } from './chore.ts'
import { readRecord } from './read-record.ts'
import { Slices } from './slices.ts'
import type { StreamLog } from './stream-log.ts'

const REASON = 'Nats-Marker-Reason'
const KEY_OPERATION = 'KV-Operation'

/**
 * Subject delete markers (ADR-43, `subject_delete_marker_ttl`): where the last message of a subject has come to its end, by
 * `max_age` or by its time to live, a message without content tells of it for a while.
 */
export class DeleteMarkers {
  /** Stores a marker, as a message that the server makes; whoever puts the stream together says how. */
  store: (marker: Message) => unknown = () => {}
  private readonly stream: StreamLog
  private readonly view = new RecordView()
  /** What is being removed; the next waits for it. */
  private working: Promise<void> = Promise.resolve()

  constructor(stream: StreamLog) {
    this.stream = stream
  }

  /** How long markers stay, nanoseconds; 0: there are none. */
  get ttlNs(): number {
    return this.stream.config.subject_delete_marker_ttl ?? 0
  }

  get isOn(): boolean {
    return this.ttlNs > 0
  }

  /** Removes messages whose time is over, and leaves markers for subjects that have none left. */
  expire(seqs: readonly number[]): Promise<void> {
    this.working = this.working.then(() => this.remove(seqs))
    return this.working
  }

  private async remove(seqs: readonly number[]): Promise<void> {
    const { stream, view } = this
    const { log } = stream
    const slices = new Slices(CHORE_SLICE_MS)
    for (const [at, seq] of seqs.entries()) {
      let isRead: boolean
      if (slices.isOver) await slices.next()
      try {
        // It ended while it waits for its commit.
        if (seq > log.committedSeq && log.has(seq))
          await new Promise<void>((resolve) => stream.host.store.barrier(resolve))
        // Only the last one has to be read: is it a marker itself?
        isRead = log.isLastOfSubject(seq) && (await readRecord(log, seq, view))
      } catch (error) {
        stream.later.add(error, () => void this.expire(seqs.slice(at)))
        return
      }
      if (stream.isClosed) return
      if (!isRead || !log.isLastOfSubject(seq) || this.isMarker()) {
        stream.removeSoon(seq)
        continue
      }
      const subject = Buffer.from(view.buffer.subarray(view.subjectStart, view.subjectEnd))
      // In one turn, and so in one batch of the journal: both or none. The marker rolls its subject up, and counts beside the
      // message; where new messages are refused it needs that one's room.
      const isRefusing = stream.config.discard === 'new'
      if (isRefusing) stream.remove(seq)
      this.store(this.markerOf(subject))
      if (!isRefusing) stream.removeSoon(seq)
    }
  }

  private isMarker(): boolean {
    const { buffer, bodyStart, headerLength } = this.view
    const headers = buffer.toString('latin1', bodyStart, bodyStart + headerLength)
    // What key-value clients write in place of a purged key tells so itself; behind a deleted one nats-server leaves a marker.
    return fieldOf(headers, REASON) !== '' || fieldOf(headers, KEY_OPERATION) === 'PURGE'
  }

  private markerOf(subject: Buffer): Message {
    const message = new Message(subject)
    message.subjectEnd = subject.length
    message.replyEnd = 0
    const ttl = formatDuration(this.ttlNs)
    message.body = Buffer.from(
      `NATS/1.0\r\n${REASON}: MaxAge\r\nNats-TTL: ${ttl}\r\nNats-Rollup: sub\r\n\r\n`,
      'latin1',
    )
    message.headerLength = message.body.length
    message.bodyEnd = message.body.length
    return message
  }
}

/** Value of the first header with exactly this name; '' when there is none. */
function fieldOf(headers: string, name: string): string {
  const at = headers.indexOf(`\n${name}:`)
  if (at < 0) return ''
  const start = at + name.length + 2
  return headers.slice(start, headers.indexOf('\r', start)).trimStart()
}
