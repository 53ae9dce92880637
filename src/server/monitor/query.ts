/** Query parameters, read as nats-server reads them. */
import { quoted } from '../../wire/index.ts'

/** The request is answered with 400 and this sentence. */
export class BadQuery extends Error {
  override readonly name = 'BadQuery'
}

const trueWords = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const falseWords = new Set(['', '0', 'f', 'F', 'false', 'FALSE', 'False'])

const DEFAULT_LIMIT = 1024

interface Integers {
  parser: string
  pattern: RegExp
  least: bigint
  most: bigint
}

const integers: Readonly<Record<'int' | 'uint64', Integers>> = {
  int: { parser: 'Atoi', pattern: /^[+-]?\d+$/, least: -(2n ** 63n), most: 2n ** 63n - 1n },
  uint64: { parser: 'ParseUint', pattern: /^\d+$/, least: 0n, most: 2n ** 64n - 1n },
}

export class Query {
  private readonly parameters: URLSearchParams

  constructor(parameters: URLSearchParams) {
    this.parameters = parameters
  }

  text(name: string): string {
    return this.parameters.get(name) ?? ''
  }

  /** All values that were given. */
  list(name: string): string[] {
    return this.parameters.getAll(name)
  }

  boolean(name: string): boolean {
    const text = this.text(name)
    if (trueWords.has(text)) return true
    if (falseWords.has(text)) return false
    const why = `strconv.ParseBool: parsing ${quoted(text)}: invalid syntax`
    throw new BadQuery(`Error decoding boolean for '${name}': ${why}`)
  }

  /** What JavaScript does not count exactly is taken for the largest (smallest) number that it does. */
  integer(name: string, kind: 'int' | 'uint64' = 'int'): number {
    const text = this.text(name)
    if (text === '') return 0
    const { parser, pattern, least, most } = integers[kind]
    const bad = (why: string) =>
      new BadQuery(`Error decoding ${kind} for '${name}': strconv.${parser}: parsing ${quoted(text)}: ${why}`)
    if (!pattern.test(text)) throw bad('invalid syntax')
    // The longest number in range has 20 digits; noughts in front may be many.
    const digits = text.replace(/^([+-]?)0+(?=\d)/, '$1')
    if (digits.length > 21) throw bad('value out of range')
    const value = BigInt(digits.replace('+', ''))
    if (value < least || value > most) throw bad('value out of range')
    return Math.min(Math.max(Number(value), Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
  }

  /** `offset` and `limit`; what is below nothing counts as not given. */
  page(): { offset: number; limit: number } {
    const offset = Math.max(0, this.integer('offset'))
    const limit = this.integer('limit')
    return { offset, limit: limit > 0 ? limit : DEFAULT_LIMIT }
  }
}
