/** Patterns of Nest as subjects: text is one; an object, as in `{ cmd: 'sum' }`, becomes a token that stands for it. */
import type { MsPattern } from '@nestjs/microservices'

const OBJECT = /^\{\s*"/
const PLAIN = /^[A-Za-z0-9_-]$/

/** @param pattern as Nest has normalised it: text, or the JSON of an object with its keys in order */
export function subjectOf(pattern: string): string {
  if (!OBJECT.test(pattern)) return pattern
  let token = 'nest-'
  for (const byte of new TextEncoder().encode(pattern)) {
    const character = String.fromCharCode(byte)
    token += PLAIN.test(character) ? character : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return token
}

export type { MsPattern }
