/** Counters of messages and their bytes (headers and payload). */
export interface TrafficCounters {
  readonly inMessages: number
  readonly inBytes: number
  readonly outMessages: number
  readonly outBytes: number
}

export class Traffic implements TrafficCounters {
  inMessages = 0
  inBytes = 0
  outMessages = 0
  outBytes = 0

  add(other: TrafficCounters): void {
    this.inMessages += other.inMessages
    this.inBytes += other.inBytes
    this.outMessages += other.outMessages
    this.outBytes += other.outBytes
  }
}
