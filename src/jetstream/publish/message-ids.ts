import type { StreamConfig } from '../config/types.ts'
import { MSG_ID, type PublishHeaders } from '../headers/publish-headers.ts'
import type { StoredStream } from '../stream/stored-stream.ts'
import { DuplicateWindow } from './duplicates.ts'
import { MsgIdLog } from './msg-id-log.ts'

const NONE = Buffer.alloc(0)

/** The ids of a stream's messages (`Nats-Msg-Id`): which were seen of late, and which the last message had. */
export class MessageIds {
  /** Id of the last message, empty when it had none. */
  last: Buffer = NONE
  private readonly stream: StoredStream
  private readonly window = new DuplicateWindow(0)
  private readonly stored: MsgIdLog

  constructor(stream: StoredStream) {
    this.stream = stream
    this.stored = new MsgIdLog(stream.host.store, stream.log)
  }

  configure(config: StreamConfig): void {
    this.window.windowMs = (config.duplicate_window ?? 0) / 1e6
    if (this.window.windowMs === 0) this.window.clear()
  }

  /** Sequence of the message with the id in these headers, 0 when there was none within the window. */
  find(headers: PublishHeaders, nowMs: number): number {
    if (!headers.has(MSG_ID)) return 0
    return this.window.find(headers.buffer, headers.start(MSG_ID), headers.end(MSG_ID), nowMs)
  }

  /** The last message is `seq`, with these headers. */
  remember(headers: PublishHeaders, seq: number, timeMs: number): void {
    if (headers.found === 0 || !headers.has(MSG_ID)) {
      if (this.last.length > 0) this.last = NONE
      return
    }
    const start = headers.start(MSG_ID)
    const end = headers.end(MSG_ID)
    this.window.add(headers.buffer, start, end, seq, timeMs)
    this.last = Buffer.from(headers.buffer.subarray(start, end))
    if (this.stored.add(headers.buffer, start, end, seq, timeMs))
      this.stream.host.commits.prepare(this.stream)
  }

  /** Before a commit: the ids of the messages in it. */
  flush(): void {
    this.stored.flush(this.stream.clock.now(), this.window.windowMs)
  }

  /** Takes back the ids of the last while after a restart. */
  async recover(): Promise<void> {
    const { log, clock } = this.stream
    this.last = await this.stored.recover(this.window, log.lastSeq, clock.now())
    const { commits } = this.stream.host
    if (this.stored.isEmpty) return
    commits.prepare(this.stream)
    commits.defer()
  }

  delete(): void {
    this.stored.delete()
  }
}
