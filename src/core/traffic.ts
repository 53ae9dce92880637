/** Counters of messages and their bytes (headers and payload). */
export class Traffic {
  inMessages = 0
  inBytes = 0
  outMessages = 0
  outBytes = 0

  add(other: Omit<Traffic, 'add'>): void {
    this.inMessages += other.inMessages
    this.inBytes += other.inBytes
    this.outMessages += other.outMessages
    this.outBytes += other.outBytes
  }
}
