import { formatTime } from './time-text.ts'

/** Digits of the nanoseconds of a second. */
const NANO_DIGITS = 9
const ZERO = 48
const DOT = 46
const LETTER_Z = 90
/** Of a time up to its seconds. */
const SECONDS_LENGTH = 19

/** Writes times as `formatTime` shows them. Of a second that is asked for again no text is made. */
export class TimeBytes {
  private sec = -1
  private readonly seconds = Buffer.alloc(SECONDS_LENGTH)

  /** Writes at `at`, where there is room for 30 bytes; returns the position behind. */
  write(buffer: Buffer, at: number, sec: number, nsec: number): number {
    if (sec !== this.sec) {
      this.seconds.write(formatTime(sec, 0), 'latin1')
      this.sec = sec
    }
    for (let i = 0; i < SECONDS_LENGTH; i++) buffer[at + i] = this.seconds[i]
    let end = at + SECONDS_LENGTH
    if (nsec > 0) {
      buffer[end++] = DOT
      let rest = nsec
      for (let i = NANO_DIGITS - 1; i >= 0; i--) {
        const tens = Math.floor(rest / 10)
        buffer[end + i] = ZERO + rest - tens * 10
        rest = tens
      }
      end += NANO_DIGITS
      while (buffer[end - 1] === ZERO) end--
    }
    buffer[end++] = LETTER_Z
    return end
  }
}
