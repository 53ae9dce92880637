/** A token bucket: what is sent runs up a debt that has to be paid back before the next message goes out. */
export class RateLimit {
  private readonly bytesPerMs: number
  private readonly burstBytes: number
  private credit: number
  private lastMs: number

  constructor(bitsPerSecond: number, burstBytes: number, nowMs: number) {
    this.bytesPerMs = bitsPerSecond / 8 / 1000
    this.burstBytes = burstBytes
    this.credit = burstBytes
    this.lastMs = nowMs
  }

  /** Milliseconds until `sizeBytes` may go out, 0 for now. */
  delayMs(sizeBytes: number, nowMs: number): number {
    this.credit = Math.min(this.burstBytes, this.credit + (nowMs - this.lastMs) * this.bytesPerMs)
    this.lastMs = nowMs
    const missing = Math.min(sizeBytes, this.burstBytes) - this.credit
    return missing <= 0 ? 0 : missing / this.bytesPerMs
  }

  spend(sizeBytes: number): void {
    this.credit -= sizeBytes
  }
}
