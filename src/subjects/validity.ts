/** Which subjects may be published to and subscribed to (as nats-server decides). */

const DOT = 46
const STAR = 42
const REST = 62

/** A subject for a subscription: tokens not empty, no white space; `*` and a final `>` are wildcards. */
export function isValidSubject(subject: string): boolean {
  if (subject === '') return false
  let begin = 0
  for (let i = 0; i <= subject.length; i++) {
    const c = i < subject.length ? subject.charCodeAt(i) : DOT
    if (c === 32 || c === 9 || c === 10 || c === 12 || c === 13) return false
    if (c !== DOT) continue
    if (i === begin) return false
    if (i - begin === 1 && subject.charCodeAt(begin) === REST && i < subject.length) return false
    begin = i + 1
  }
  return true
}

/** What the server takes as a client's subscription: as `isValidSubject`, but white space is not looked for. */
export function isSubscribable(subject: string): boolean {
  let begin = 0
  for (let i = 0; i <= subject.length; i++) {
    if (i < subject.length && subject.charCodeAt(i) !== DOT) continue
    if (i === begin) return false
    if (i - begin === 1 && subject.charCodeAt(begin) === REST && i < subject.length) return false
    begin = i + 1
  }
  return true
}

/** A subject without wildcards, as one publishes to. */
export function isLiteralSubject(subject: string): boolean {
  return isValidSubject(subject) && !hasWildcard(subject)
}

/** Is one token `*` or `>`? */
export function hasWildcard(subject: string): boolean {
  for (let i = 0; i < subject.length; i++) {
    const c = subject.charCodeAt(i)
    if (c !== STAR && c !== REST) continue
    if (
      (i === 0 || subject.charCodeAt(i - 1) === DOT) &&
      (i + 1 === subject.length || subject.charCodeAt(i + 1) === DOT)
    ) {
      return true
    }
  }
  return false
}

/** The pedantic check of a published subject in bytes: tokens not empty, no wildcards. */
export function isLiteralSubjectBytes(buffer: Buffer, start: number, end: number): boolean {
  if (start >= end) return false
  let begin = start
  for (let i = start; i <= end; i++) {
    const c = i < end ? buffer[i] : DOT
    if (c !== DOT) continue
    if (i === begin) return false
    if (i - begin === 1 && (buffer[begin] === STAR || buffer[begin] === REST)) return false
    begin = i + 1
  }
  return true
}

/** Does everything that `inner` matches also match `outer`? Both may have wildcards. */
export function isSubset(inner: string, outer: string): boolean {
  const a = inner.split('.')
  const b = outer.split('.')
  for (let i = 0; i < b.length; i++) {
    if (i >= a.length) return false
    if (b[i] === '>') return true
    if (a[i] === '>') return false
    if (b[i] === '*') continue
    if (a[i] !== b[i]) return false
  }
  return a.length === b.length
}

/** Is there a subject that both match? */
export function subjectsCollide(left: string, right: string): boolean {
  const a = left.split('.')
  const b = right.split('.')
  for (let i = 0; ; i++) {
    const endA = i >= a.length
    const endB = i >= b.length
    if (endA || endB) return endA && endB
    if (a[i] === '>' || b[i] === '>') return true
    if (a[i] !== b[i] && a[i] !== '*' && b[i] !== '*') return false
  }
}

/** The same, and without white space: what the server itself may publish to. */
export function isPublishableBytes(buffer: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const c = buffer[i]
    if (c === 32 || c === 9 || c === 10 || c === 12 || c === 13) return false
  }
  return isLiteralSubjectBytes(buffer, start, end)
}
