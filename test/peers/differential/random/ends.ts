/**
 * When messages of a stream may come to their end: a span of time for each that time brings, from the first moment at which it
 * may happen to the last. It takes no notice of what is removed otherwise: rather a span too many than one too few.
 */

/** How late nats-server removes what is over, in milliseconds: by a time to live, and by max_age with files. */
const LATE_MS = 70
const LATE_BY_AGE_MS = 320

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

export class Ends {
  private readonly spans: Span[] = []
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
      const due = { from: Math.max(from + this.ageMs, at.from), to: Math.max(to + this.ageMs, at.to) }
      this.end(due, LATE_BY_AGE_MS)
    }
  }

  /** A message came; `ttlMs`: its time to live, Infinity for one that never ends or says nothing. */
  publish(at: Span, ttlMs: number): void {
    this.published.push(at)
    if (ttlMs < Number.POSITIVE_INFINITY) {
      this.end(later(at, ttlMs), LATE_MS)
      // Markers may raise it.
      if (this.markerMs > ttlMs) this.end(later(at, this.markerMs), LATE_MS)
    }
    if (this.ageMs > 0) this.end(later(at, this.ageMs), LATE_BY_AGE_MS)
  }

  /** May anything end in that time? */
  areDue({ from, to }: Span): boolean {
    return this.spans.some((span) => span.from <= to && span.to >= from)
  }

  /** A message ends, and maybe the marker that it leaves. */
  private end(due: Span, lateMs: number): void {
    const span = { from: due.from, to: due.to + lateMs }
    this.spans.push(span)
    if (this.markerMs === 0) return
    const byTtl = later(span, this.markerMs)
    this.spans.push({ from: byTtl.from, to: byTtl.to + LATE_MS })
    if (this.ageMs === 0) return
    const byAge = later(span, this.ageMs)
    this.published.push(span)
    this.spans.push({ from: byAge.from, to: byAge.to + LATE_BY_AGE_MS })
  }
}

function later({ from, to }: Span, ms: number): Span {
  return { from: from + ms, to: to + ms }
}
