/**
 * File descriptors: when there are none left the store can't open its files, so the listeners take no more connections
 * while some are still free.
 *
 * On POSIX a new descriptor gets the lowest number that is free, so that the number of a socket just accepted tells how many
 * are in use. The limit is asked of Node's report, which takes some 5 ms: only when that number is worth a look.
 */
import type { Socket } from 'node:net'

/** What the store may need at once: open segments, journals, documents (see storage/files/limits.ts). */
const RESERVED = 128
/** Where there are few in all, the store has this share. */
const RESERVED_SHARE = 0.5
/** Below this number nobody asks for the limit. */
const PLENTY = 32
/** While connections are refused the log says so this often, at first and at last, milliseconds. */
const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 1000

type Tell = (level: 'error' | 'info', text: string) => void

/** Descriptors that this process may have open; Infinity where it is not limited, or nobody knows. */
export function descriptorLimit(): number {
  try {
    // Node asks name servers about its sockets otherwise.
    const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean }
    const before = report.excludeNetwork
    report.excludeNetwork = true
    const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } }
    report.excludeNetwork = before ?? false
    const soft = Number(userLimits?.open_files?.soft)
    return soft > 0 ? soft : Number.POSITIVE_INFINITY
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** Says for each socket of a server whether there is a descriptor to spare for it. */
export class Descriptors {
  private readonly ask: () => number
  /** Sockets with this number or a higher one are refused; null: not asked yet. */
  private firstRefused: number | null = null
  private limit = Number.POSITIVE_INFINITY

  constructor(ask: () => number = descriptorLimit) {
    this.ask = ask
  }

  /** Is this socket too many? */
  areScarce(socket: Socket): boolean {
    const number = (socket as unknown as { _handle?: { fd?: unknown } | null })._handle?.fd
    // Windows has no such numbers, and no such limit.
    if (typeof number !== 'number' || number < PLENTY) return false
    if (this.firstRefused === null) {
      this.limit = this.ask()
      this.firstRefused = this.limit - Math.min(RESERVED, Math.floor(this.limit * RESERVED_SHARE))
    }
    return number >= this.firstRefused
  }

  /** For the log. */
  describe(): string {
    return `${this.limit} file descriptors (ulimit -n) are nearly used up, the rest is for the store`
  }
}

/** Tells of refused connections, and of failed accepts, without filling the log: less and less often while they go on. */
export class RefusalLog {
  private readonly tell: Tell
  private readonly now: () => number
  private refused = 0
  private pauseMs = 0
  private untilMs = Number.NEGATIVE_INFINITY

  constructor(tell: Tell, now: () => number = () => performance.now()) {
    this.tell = tell
    this.now = now
  }

  refuse(why: string): void {
    this.refused++
    const nowMs = this.now()
    if (nowMs < this.untilMs) return
    // Who has been quiet for long begins anew.
    const isNew = nowMs - this.untilMs > LONGEST_PAUSE_MS
    this.pauseMs = isNew ? FIRST_PAUSE_MS : Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS)
    this.untilMs = nowMs + this.pauseMs
    const count = this.refused === 1 ? 'a connection is' : `${this.refused} connections are`
    this.tell('error', `${count} refused: ${why}`)
    this.refused = 0
  }

  accept(): void {
    // Not while single ones find a place among those that are refused.
    if (this.untilMs === Number.NEGATIVE_INFINITY || this.now() - this.untilMs < LONGEST_PAUSE_MS) return
    this.untilMs = Number.NEGATIVE_INFINITY
    const more = this.refused === 0 ? '' : `, after ${this.refused} more were refused`
    this.refused = 0
    this.tell('info', `connections are accepted again${more}`)
  }
}
