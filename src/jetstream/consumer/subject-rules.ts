/** Rules about subjects that configurations need; cold, on strings. */

export function isLiteral(subject: string): boolean {
  return !subject.split('.').some((token) => token === '*' || token === '>')
}

/** No empty token, no white space, `>` only at the end. */
export function isValidSubject(subject: string): boolean {
  if (subject === '' || /[ \t\r\n\f]/.test(subject)) return false
  const tokens = subject.split('.')
  return tokens.every((token, i) => token !== '' && (token !== '>' || i === tokens.length - 1))
}

/** Does every subject that `subject` stands for also match `pattern`? */
export function isSubset(subject: string, pattern: string): boolean {
  const tokens = subject.split('.')
  const wanted = pattern.split('.')
  for (const [i, want] of wanted.entries()) {
    if (i >= tokens.length) return false
    if (want === '>') return i === wanted.length - 1
    if (tokens[i] === '>') return false
    if (want !== '*' && want !== tokens[i]) return false
  }
  return tokens.length === wanted.length
}

/** Is there a subject that matches both? */
export function collide(a: string, b: string): boolean {
  const left = a.split('.')
  const right = b.split('.')
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    if (i >= left.length || i >= right.length) return false
    if (left[i] === '>' || right[i] === '>') return true
    if (left[i] !== '*' && right[i] !== '*' && left[i] !== right[i]) return false
  }
  return true
}
