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

interface End extends Span {
  /** By max_age, not by a time to live. */
  isByAge: boolean
  /** That of the marker which it leaves, so much later. */
  marker: End | null
  markerMs: number
}

interface Published extends Span {
  /** Its time to live, or the longest that it may have been given; Infinity without one. */
  ttlMs: number
}

export class Ends {
  private readonly ends: End[] = []
  private readonly published: Published[] = []
  private ageMs = Number.POSITIVE_INFINITY
  private markerMs = 0

  /** The same, for trying what something would bring. */
  copy(): Ends {
    return Object.assign(new Ends(), structuredClone({ ...this }))
  }

  /** The stream has this configuration from then on. */
  configure({ max_age = 0, subject_delete_marker_ttl = 0 }: EndConfig, at: Span): void {
    this.markerMs = subject_delete_marker_ttl / 1e6
    this.ageMs = max_age > 0 ? max_age / 1e6 : Number.POSITIVE_INFINITY
    // Markers are added to them.
    for (const each of [...this.published]) {
      if (this.ageMs >= each.ttlMs) continue
      const { from, to } = later(each, this.ageMs)
      this.end({ from: Math.max(from, at.from), to: Math.max(to, at.to) }, true)
    }
  }

  /** A message came; `ttlMs`: its time to live, 0 without one, Infinity for 'never'. */
  publish(at: Span, ttlMs: number): void {
    const isTimed = ttlMs > 0 && ttlMs < Number.POSITIVE_INFINITY
    // Markers may raise it.
    const longestMs = isTimed ? Math.max(ttlMs, this.markerMs) : Number.POSITIVE_INFINITY
    // nats-server may set its one timer anew, and what gets too old meanwhile has to wait for it.
    if (isTimed) this.delay(at, at.to + this.ageMs + LATE_MS)
    this.published.push({ ...at, ttlMs: longestMs })
    if (isTimed && ttlMs <= this.ageMs) this.end(later(at, ttlMs), false)
    if (isTimed && longestMs > ttlMs && longestMs <= this.ageMs) this.end(later(at, longestMs), false)
    if (this.ageMs < longestMs) this.end(later(at, this.ageMs), true)
  }

  /** May anything end in that time? */
  areDue({ from, to }: Span): boolean {
    return this.ends.some((end) => end.from <= to && end.to >= from)
  }

  /** Does anything end by its time to live while something else does by max_age? */
  get areMixed(): boolean {
    const byTtl = this.ends.filter((end) => !end.isByAge)
    return this.ends.some((end) => end.isByAge && byTtl.some((other) => overlap(end, other)))
  }

  /** A message ends, and maybe the marker that it leaves. */
  private end(due: Span, isByAge: boolean): void {
    const end: End = { from: due.from, to: due.to + LATE_MS, isByAge, marker: null, markerMs: 0 }
    this.ends.push(end)
    if (this.markerMs === 0) return
    this.published.push({ from: end.from, to: end.to, ttlMs: this.markerMs })
    end.markerMs = Math.min(this.markerMs, this.ageMs)
    const { from, to } = later(end, end.markerMs)
    end.marker = { from, to: to + LATE_MS, isByAge: this.ageMs < this.markerMs, marker: null, markerMs: 0 }
    this.ends.push(end.marker)
  }

  /** What is due by age from then on may come as late as that. */
  private delay(at: Span, toMs: number): void {
    if (toMs === Number.POSITIVE_INFINITY) return
    for (const end of this.ends) {
      if (!end.isByAge || end.to < at.from || end.to > toMs) continue
      end.to = toMs
      if (end.marker !== null) end.marker.to = toMs + end.markerMs + LATE_MS
    }
  }
}

function later({ from, to }: Span, ms: number): Span {
  return { from: from + ms, to: to + ms }
}

function overlap(left: Span, right: Span): boolean {
  return left.from <= right.to && right.from <= left.to
}
