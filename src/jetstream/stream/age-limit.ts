import { Alarm } from '../../ports/alarm.ts'
import { ReadFailure } from '../../storage/index.ts'
import { Chore } from './chore.ts'
import type { DeleteMarkers } from './delete-markers.ts'
import { READ_AGAIN_MS } from './later.ts'
import type { MessageTtls } from './message-ttls.ts'
import type { StreamLog } from './stream-log.ts'

/** Messages that get old soon after each other are removed together. */
const SMALLEST_WAIT_MS = 50
/** Messages removed in one step, and those whose subjects may need markers. */
const STEP = 64
const MOST_AT_ONCE = 1000

/** Removes messages older than the stream's `max_age`: one timer, set to the oldest message. */
export class AgeLimit {
  /** There is a limit, and no timer runs. */
  isIdle = false
  private readonly stream: StreamLog
  private readonly ttls: MessageTtls
  private readonly markers: DeleteMarkers
  private readonly alarm: Alarm
  /** Up to this sequence nothing can get too old: it is gone, or never does. */
  private passed = 0
  /** Up to this sequence all that can get too old is. */
  private through = 0
  private readonly chore: Chore

  constructor(stream: StreamLog, ttls: MessageTtls, markers: DeleteMarkers) {
    this.stream = stream
    this.ttls = ttls
    this.markers = markers
    this.alarm = new Alarm(stream.clock, () => this.expireDue(), SMALLEST_WAIT_MS)
    this.chore = new Chore(stream.host.bus.turn, () => this.retrying(() => this.step()))
  }

  /** What is too old is still being removed. */
  get isWaiting(): boolean {
    return this.chore.isWaiting
  }

  done(): Promise<void> {
    return this.chore.done()
  }

  /** Looks at once for what is too old, and sets the timer for the rest. */
  arm(): void {
    this.alarm.clear()
    this.isIdle = false
    const ageMs = (this.stream.config.max_age ?? 0) / 1e6
    if (ageMs === 0 || this.stream.isClosed) return
    this.retrying(() => {
      const oldestMs = this.oldestMs()
      if (oldestMs === Number.POSITIVE_INFINITY) {
        this.isIdle = true
        return
      }
      const waitMs = oldestMs + ageMs - this.stream.clock.now()
      if (waitMs <= 0) this.expire()
      else this.wait(waitMs)
    })
  }

  /** Removes at once what is too old by now. */
  expireDue(): void {
    this.alarm.clear()
    this.retrying(() => this.expire())
  }

  /** Where times can't be read now, they are looked at again in a while. */
  private retrying<T>(work: () => T): T | false {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof ReadFailure)) throw error
      this.wait(READ_AGAIN_MS)
      return false
    }
  }

  close(): void {
    this.alarm.clear()
    this.isIdle = false
  }

  private expire(): void {
    const { stream } = this
    this.alarm.clear()
    const ageMs = (stream.config.max_age ?? 0) / 1e6
    if (ageMs === 0 || stream.isClosed) return
    const limitMs = stream.clock.now() - ageMs
    const sec = Math.floor(limitMs / 1000)
    this.through = stream.log.seqAtTime(sec, Math.floor((limitMs - sec * 1000) * 1e6)) - 1
    if (this.markers.isOn) this.expireWithMarkers(this.through, ageMs).catch(stream.host.bus.fault)
    else this.chore.start()
  }

  /** Removes some of what is too old; with the last of it the timer is set. */
  private step(): boolean {
    const { stream, through } = this
    const { log } = stream
    const ageMs = (stream.config.max_age ?? 0) / 1e6
    if (ageMs === 0 || stream.isClosed || this.markers.isOn) return false
    if (!this.ttls.hasForever) {
      if (log.messages > 0 && log.firstSeq <= through) {
        stream.removeThrough(Math.min(through, log.firstSeq + STEP - 1))
        return true
      }
    } else {
      let seq = this.nextAfter(this.passed)
      for (let left = STEP; left > 0 && seq > 0 && seq <= through; left--) {
        stream.remove(seq)
        this.passed = seq
        seq = this.nextAfter(seq)
      }
      if (seq > 0 && seq <= through) return true
    }
    this.waitForOldest(ageMs)
    return false
  }

  private waitForOldest(ageMs: number): void {
    const oldestMs = this.oldestMs()
    if (oldestMs < Number.POSITIVE_INFINITY) this.wait(oldestMs + ageMs - this.stream.clock.now())
    else this.isIdle = true
  }

  /** Some at a time: each last message of a subject has to be read. */
  private async expireWithMarkers(through: number, ageMs: number): Promise<void> {
    const { stream } = this
    const seqs: number[] = []
    for (let seq = this.nextAfter(this.passed); seq > 0 && seq <= through; seq = this.nextAfter(seq)) {
      if (seqs.push(seq) === MOST_AT_ONCE) break
    }
    await this.markers.expire(seqs)
    // The stream may have been closed or configured anew meanwhile.
    if (stream.isClosed || this.alarm.isSet) return
    this.retrying(() => {
      if (seqs.length === MOST_AT_ONCE && !stream.later.isWaiting) this.expire()
      else this.waitForOldest(ageMs)
    })
  }

  /** Time of the oldest message that can get too old; Infinity without one. */
  private oldestMs(): number {
    const { ttls } = this
    const { log } = this.stream
    if (!ttls.hasForever) return log.messages > 0 ? log.oldestMs() : Number.POSITIVE_INFINITY
    const seq = this.nextAfter(this.passed)
    this.passed = seq > 0 ? seq - 1 : log.lastSeq
    return seq > 0 ? log.timeOfMs(seq) : Number.POSITIVE_INFINITY
  }

  /** The next message behind `seq` that can get too old; 0 when there is none. */
  private nextAfter(seq: number): number {
    const { ttls } = this
    const { log } = this.stream
    let next = log.nextLive(seq + 1)
    while (next > 0 && ttls.isForever(next)) next = log.nextLive(next + 1)
    return next
  }

  private wait(waitMs: number): void {
    this.alarm.move(this.stream.clock.now() + waitMs)
  }
}
