/** What two patterns have in common, as a pattern; null: nothing. `a.*` and `*.b` have `a.b`. */
export function intersection(left: string, right: string): string | null {
  const a = left.split('.')
  const b = right.split('.')
  const shared: string[] = []
  for (let i = 0; ; i++) {
    const endsA = i >= a.length
    const endsB = i >= b.length
    if (endsA || endsB) return endsA && endsB ? shared.join('.') : null
    if (a[i] === '>' && i === a.length - 1) return [...shared, ...b.slice(i)].join('.')
    if (b[i] === '>' && i === b.length - 1) return [...shared, ...a.slice(i)].join('.')
    if (a[i] !== b[i] && a[i] !== '*' && b[i] !== '*') return null
    shared.push(a[i] === '*' ? b[i] : a[i])
  }
}
