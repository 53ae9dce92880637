import type { Bus } from '../../core/index.ts'

/** The same is not told again for so long, milliseconds. */
const SILENT_MS = 60_000
/** Different lines in that time: who asks for the wrong thing could fill the disk. */
const MOST = 100

/** Warnings in the log that clients bring about: each once a minute, and few. */
export class Complaints {
  private readonly bus: Bus
  private readonly told = new Set<string>()
  private sinceMs = 0

  constructor(bus: Bus) {
    this.bus = bus
  }

  warn(text: string): void {
    const { bus, told } = this
    const nowMs = bus.clock.now()
    if (nowMs - this.sinceMs >= SILENT_MS) {
      told.clear()
      this.sinceMs = nowMs
    }
    if (told.has(text) || told.size >= MOST) return
    told.add(text)
    bus.log('warn', text)
  }
}
