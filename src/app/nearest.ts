/** What somebody may have meant who wrote a word, or a subject, that nobody knows. */

/** The nearest of some words; undefined: none is near. */
export function nearestWord(word: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const distance = distanceOf(word.toLowerCase(), candidate.toLowerCase(), least)
    if (distance >= least) continue
    least = distance
    nearest = candidate
  }
  return nearest
}

/** The nearest of some subjects, which may have wildcards and {names}; undefined: none is near. */
export function nearestSubject(subject: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const distance = subjectDistance(subject.split('.'), candidate.split('.'))
    if (distance >= least) continue
    least = distance
    nearest = candidate
  }
  return nearest
}

const REST = /^(?:>|\{\w+>\})$/
const ANY = /^(?:\*|\{\w+\})$/

/** Letters to change; Infinity: tokens of the one are no tokens of the other. A missing token counts as a few. */
function subjectDistance(tokens: readonly string[], pattern: readonly string[]): number {
  const MISSING = 2
  let sum = 0
  let hasWord = false
  for (let i = 0; i < pattern.length; i++) {
    if (REST.test(pattern[i]))
      return hasWord ? sum + (tokens.length > i ? 0 : MISSING) : Number.POSITIVE_INFINITY
    if (i >= tokens.length)
      return hasWord && pattern.length - i === 1 ? sum + MISSING : Number.POSITIVE_INFINITY
    if (ANY.test(pattern[i])) continue
    const most = Math.max(1, Math.floor(pattern[i].length / 3))
    const distance = distanceOf(tokens[i].toLowerCase(), pattern[i].toLowerCase(), most + 1)
    if (distance > most) return Number.POSITIVE_INFINITY
    hasWord = true
    sum += distance
  }
  const more = tokens.length - pattern.length
  return !hasWord || more > 1 ? Number.POSITIVE_INFINITY : sum + more * MISSING
}

/** Letters to add, take away, replace, or to swap with their neighbour; at least `most` when there are more. */
function distanceOf(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) >= most) return most
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (isSame ? 0 : 1))
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwapped) row[j] = Math.min(row[j], before[j - 2] + 1)
    }
    before = last
    last = row
  }
  return last[b.length]
}
