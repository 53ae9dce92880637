/**
 * When messages of a stream may come to their end: a span of time for each that time brings, from the first moment at which it
 * may happen to the last. It takes no notice of what is removed otherwise: rather a span too many than one too few.
 */

/** How late nats-server removes what is over, in milliseconds: it looks again after 250 ms at the earliest. */
const LATE_MS = 320

/** Milliseconds of any one clock. */
export interface Span {
  from: number
  to: number
}

/** What of a stream's configuration makes messages end. */
export interface EndConfig {
  max_age?: number
  subject_delete_marker_ttl?: number
}

/** What comes `afterMs` behind an end: that of the marker that it leaves. */
interface End extends Span {
  followers: { span: Span; afterMs: number }[]
}

export class Ends {
  private readonly spans: Span[] = []
  private readonly byAge: End[] = []
  private readonly published: Span[] = []
  private ageMs = 0
  private markerMs = 0

  /** The stream has this configuration from then on. */
  configure({ max_age = 0, subject_delete_marker_ttl = 0 }: EndConfig, at: Span): void {
    this.markerMs = subject_delete_marker_ttl / 1e6
    this.ageMs = max_age / 1e6
    if (this.ageMs === 0) return
    // Markers are added to them.
    for (const { from, to } of [...this.published]) {
      this.byAge.push(
        this.end({ from: Math.max(from + this.ageMs, at.from), to: Math.max(to + this.ageMs, at.to) }),
      )
    }
  }

  /** A message came; `ttlMs`: its time to live, 0 without one, Infinity for 'never'. */
  publish(at: Span, ttlMs: number): void {
    this.published.push(at)
    if (ttlMs > 0 && ttlMs < Number.POSITIVE_INFINITY) {
      // nats-server may set its one timer anew, and what gets too old meanwhile has to wait for it.
      if (this.ageMs > 0) this.delay(at, at.to + this.ageMs + LATE_MS)
      this.end(later(at, ttlMs))
      // Markers may raise it.
      if (this.markerMs > ttlMs) this.end(later(at, this.markerMs))
    }
    if (this.ageMs > 0) this.byAge.push(this.end(later(at, this.ageMs)))
  }

  /** May anything end in that time? */
  areDue({ from, to }: Span): boolean {
    return this.spans.some((span) => span.from <= to && span.to >= from)
  }

  /** A message ends, and maybe the marker that it leaves. */
  private end(due: Span): End {
    const end: End = { from: due.from, to: due.to + LATE_MS, followers: [] }
    this.spans.push(end)
    if (this.markerMs === 0) return end
    this.follow(end, this.markerMs)
    if (this.ageMs === 0) return end
    this.published.push(end)
    this.follow(end, this.ageMs)
    return end
  }

  private follow(end: End, afterMs: number): void {
    const span = { from: end.from + afterMs, to: end.to + afterMs + LATE_MS }
    this.spans.push(span)
    end.followers.push({ span, afterMs })
  }

  /** What is due by age from then on may come as late as that. */
  private delay(at: Span, toMs: number): void {
    for (const end of this.byAge) {
      if (end.to < at.from || end.to > toMs) continue
      end.to = toMs
      for (const { span, afterMs } of end.followers) span.to = toMs + afterMs + LATE_MS
    }
  }
}

function later({ from, to }: Span, ms: number): Span {
  return { from: from + ms, to: to + ms }
}
