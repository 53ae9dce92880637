/**
 * Words without quotes that begin with a digit or a minus, as nats-server's lexer reads them: it goes from left to right and does not
 * turn back, so that what a word can't go on with is a mistake, or stands behind it. A `]` ends a number here, as it does not there.
 */
import type { Scanner } from './scanner.ts'

export interface NumberWord {
  /** `open`: no number, but a text that goes on as any other. */
  kind: 'date' | 'float' | 'integer' | 'open' | 'text'
  text: string
}

const DIGITS = /\d*/y
const UNIT = /[kKmMgGtTpPeE]?[bBiI]*/y
const ADDRESS = /[\d.:-]*/y
const NUMBER_ENDS = /[\s;,}\]]|^$/
const YEAR_DIGITS = 4
/** What a date goes on with behind `2024-`: 0 is any digit, the rest is itself. */
const DATE = '00-00T00:00:00Z'

/** Called where a digit or a minus stands. @throws ConfigError */
export function numberWord(scanner: Scanner): NumberWord {
  if (scanner.peek() === '-') return negative(scanner)
  const digits = scanner.take(DIGITS) ?? ''
  const next = scanner.peek()
  if (next === '.') return fraction(scanner, digits)
  if (next === '-') return date(scanner, digits)
  if (/[kmgtpe]/i.test(next)) return withUnit(scanner, digits)
  return { kind: NUMBER_ENDS.test(next) ? 'integer' : 'open', text: digits }
}

function negative(scanner: Scanner): NumberWord {
  scanner.next()
  const digits = scanner.take(DIGITS) ?? ''
  if (digits === '') {
    const got = taken(scanner)
    if (got === '.') throw scanner.fail("Floats must start with a digit, not '.'.")
    throw scanner.fail(`Expected a digit but got '${got}'.`)
  }
  const next = scanner.peek()
  if (next === '.') return fraction(scanner, `-${digits}`)
  if (/[kmgtpe]/i.test(next)) return withUnit(scanner, `-${digits}`)
  return { kind: 'integer', text: `-${digits}` }
}

function withUnit(scanner: Scanner, digits: string): NumberWord {
  const text = digits + (scanner.take(UNIT) ?? '')
  return { kind: NUMBER_ENDS.test(scanner.peek()) ? 'integer' : 'open', text }
}

/** A float, or an address like `127.0.0.1:4222`. */
function fraction(scanner: Scanner, whole: string): NumberWord {
  scanner.next()
  const digits = scanner.take(DIGITS) ?? ''
  if (digits === '')
    throw scanner.fail(`Floats must have a digit after the '.', but got '${taken(scanner)}' instead.`)
  const text = `${whole}.${digits}`
  if (scanner.peek() !== '.') return { kind: 'float', text }
  return { kind: 'text', text: text + (scanner.take(ADDRESS) ?? '') }
}

function date(scanner: Scanner, year: string): NumberWord {
  scanner.next()
  if (year.length !== YEAR_DIGITS) throw scanner.fail('All ISO8601 dates must be in full Zulu form.')
  let text = `${year}-`
  for (const wanted of DATE) {
    const got = taken(scanner)
    if (wanted === '0' ? !isDigit(got) : got !== wanted) {
      const what = wanted === '0' ? 'digit' : `'${wanted}'`
      throw scanner.fail(`Expected ${what} in ISO8601 datetime, but found '${got}' instead.`)
    }
    text += got
  }
  return { kind: 'date', text }
}

function isDigit(character: string): boolean {
  return character >= '0' && character <= '9'
}

/** The next character, as it is shown; a mistake is told of the line behind it. */
function taken(scanner: Scanner): string {
  const character = scanner.next()
  if (character === '') return '\0'
  return character === '\n' ? '\\n' : character
}
