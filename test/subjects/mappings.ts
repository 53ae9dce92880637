/** Mappings and subjects made by chance. */
import type { Random } from '../../src/ports/random.ts'

const WORDS = ['a', 'ab', 'abc', 'abcdefg', 'x-y', '-x--y-', 'é1ü', '12', '$1', 'under_score', '-', 'p_-_q']
const SPACE = ['', '', '', ' ']

export interface MappingCase {
  source: string
  destination: string
  subjects: string[]
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)]
}

/** A source whose subjects are like those of `subjectBelow`, and a destination, which may be wrong. */
export function randomMapping(random: Random): MappingCase {
  const length = 1 + random.below(4)
  const tokens = Array.from({ length }, () => pick(random, ['*', '*', pick(random, WORDS)]))
  const hasRest = random.below(4) === 0
  if (hasRest) tokens.push('>')
  const source = `in.${tokens.join('.')}`
  const wildcards = tokens.filter((token) => token === '*').length
  const wanted = 1 + random.below(4)
  const made = Array.from({ length: wanted }, () => destinationToken(random, wildcards))
  if (hasRest !== (random.below(20) === 0)) made.push('>')
  return {
    source,
    destination: `out.${made.join('.')}`,
    subjects: Array.from({ length: 6 }, () => subjectFor(random, tokens)),
  }
}

function destinationToken(random: Random, wildcards: number): string {
  // Mostly one that there is.
  const place = random.below(12) === 0 ? random.below(7) - 1 : 1 + random.below(Math.max(1, wildcards))
  const number =
    random.below(12) === 0 ? pick(random, ['x', '', '-1', '99999999999', '+2']) : `${random.below(6)}`
  const s = pick(random, SPACE)
  switch (random.below(14)) {
    case 0:
      return `$${place}`
    case 1:
      return `{{${s}wildcard(${s}${place}${s})${s}}}`
    case 2:
      return `{{partition(${number})}}`
    case 3:
      return `{{Partition(${number},${s}${place})}}`
    case 4:
      return `{{partition(${number},${place},${1 + random.below(Math.max(1, wildcards))})}}`
    case 5:
      return `{{split(${place},${s}${pick(random, ['-', '-', '_', 'b', '', '--', 'é', ' '])})}}`
    case 6:
      return `{{splitFromLeft(${place},${number})}}`
    case 7:
      return `{{SplitFromRight(${place},${number})}}`
    case 8:
      return `{{sliceFromLeft(${place},${number})}}`
    case 9:
      return `{{slicefromright(${place},${number})}}`
    case 10:
      return `{{left(${place},${number})}}`
    case 11:
      return `{{right(${place},${number}${random.below(15) === 0 ? ',1' : ''})}}`
    case 12:
      return pick(
        random,
        ['literal', 'x', '$x', '{{', '{{}}', '{{nothing(1)}}', '*', ''].slice(
          0,
          random.below(3) === 0 ? 8 : 3,
        ),
      )
    default:
      return pick(random, ['fix', 'random', '{{random(1)}}', '{{random()}}'])
  }
}

function subjectFor(random: Random, tokens: readonly string[]): string {
  const made = tokens.map((token) => (token === '*' || random.below(12) === 0 ? pick(random, WORDS) : token))
  if (made.at(-1) === '>')
    made.splice(-1, 1, ...Array.from({ length: 1 + random.below(3) }, () => pick(random, WORDS)))
  if (random.below(10) === 0) made.push('more')
  return `in.${made.join('.')}`
}
