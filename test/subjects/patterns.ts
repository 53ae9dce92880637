import type { Random } from '../../src/ports/random.ts'

const TOKENS = ['a', 'b', '*', '>']

/** A pattern of a few tokens, made by chance. */
export function randomPattern(random: Random): string {
  const tokens: string[] = []
  for (let left = 1 + random.below(4); left > 0; left--) {
    tokens.push(TOKENS[random.below(4)])
    if (tokens.at(-1) === '>') break
  }
  return tokens.join('.')
}
