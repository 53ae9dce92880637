/** JSON as requests have it, with the errors that nats-server (Go's decoder) reports. */

/** The text is not JSON; the message says why and where. */
export class JsonSyntaxError extends Error {}

/** Values nested deeper than this are refused. */
const MAX_DEPTH = 10_000
const LITERALS: Record<string, [string, unknown]> = {
  t: ['true', true],
  f: ['false', false],
  n: ['null', null],
}

const ESCAPES: Record<number, string> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  39: "\\'",
  92: '\\\\',
}

/** A byte as Go quotes it in errors. */
function quoted(byte: number): string {
  const hex = byte.toString(16).padStart(2, '0')
  if (Object.hasOwn(ESCAPES, byte)) return `'${ESCAPES[byte]}'`
  return byte < 32 || byte === 127 ? `'\\x${hex}'` : `'${String.fromCharCode(byte)}'`
}

class Reader {
  private readonly text: string
  private at = 0
  private depth = 0

  constructor(text: string) {
    this.text = text
  }

  /** Every value in the text, one behind the other. */
  all(): unknown[] {
    const values: unknown[] = []
    for (this.blank(); this.at < this.text.length; this.blank()) values.push(this.value())
    return values
  }

  /** The only value in the text; none where there is nothing. */
  one(): unknown[] {
    this.blank()
    if (this.at >= this.text.length) return []
    const value = this.value()
    this.blank()
    if (this.at < this.text.length) this.fail('after top-level value')
    return [value]
  }

  private blank(): void {
    for (; this.at < this.text.length; this.at++) {
      const c = this.text.charCodeAt(this.at)
      if (c !== 32 && c !== 9 && c !== 10 && c !== 13) return
    }
  }

  private fail(context: string): never {
    if (this.at >= this.text.length) throw new JsonSyntaxError('unexpected EOF')
    const shown = quoted(Buffer.from(String.fromCodePoint(this.text.codePointAt(this.at) as number))[0])
    const offset = Buffer.byteLength(this.text.slice(0, this.at)) + 1
    throw new JsonSyntaxError(`invalid character ${shown} ${context} at offset ${offset}`)
  }

  private value(): unknown {
    this.blank()
    const c = this.text[this.at]
    if (c === '{') return this.nested(() => this.object())
    if (c === '[') return this.nested(() => this.array())
    if (c === '"') return this.string()
    if (c === '-' || (c >= '0' && c <= '9')) return this.number()
    if (c !== undefined && Object.hasOwn(LITERALS, c)) return this.literal(c)
    return this.fail('looking for beginning of value')
  }

  private nested<T>(read: () => T): T {
    if (++this.depth > MAX_DEPTH) throw new JsonSyntaxError('exceeded max depth')
    this.at++
    const value = read()
    this.depth--
    return value
  }

  private object(): Record<string, unknown> {
    const object: Record<string, unknown> = Object.create(null)
    this.blank()
    if (this.text[this.at] === '}') {
      this.at++
      return object
    }
    for (;;) {
      this.blank()
      if (this.text[this.at] !== '"') this.fail('looking for beginning of object key string')
      const key = this.string()
      this.blank()
      if (this.text[this.at] !== ':') this.fail('after object key')
      this.at++
      object[key] = this.value()
      this.blank()
      const c = this.text[this.at]
      if (c !== ',' && c !== '}') this.fail('after object key:value pair')
      this.at++
      if (c === '}') return object
    }
  }

  private array(): unknown[] {
    const array: unknown[] = []
    this.blank()
    if (this.text[this.at] === ']') {
      this.at++
      return array
    }
    for (;;) {
      array.push(this.value())
      this.blank()
      const c = this.text[this.at]
      if (c !== ',' && c !== ']') this.fail('after array element')
      this.at++
      if (c === ']') return array
    }
  }

  private string(): string {
    const begin = this.at++
    // Most have neither escapes nor surrogates, and are what is written.
    let isPlain = true
    for (; this.at < this.text.length; this.at++) {
      const c = this.text.charCodeAt(this.at)
      if (c === 34) {
        this.at++
        if (isPlain) return this.text.slice(begin + 1, this.at - 1)
        return JSON.parse(this.text.slice(begin, this.at)).replace(/\p{Surrogate}/gu, '\ufffd')
      }
      if (c < 32) this.fail('in string literal')
      if (c === 92) this.escape()
      if (c === 92 || c >= 0xd800) isPlain = false
    }
    return this.fail('')
  }

  private escape(): void {
    this.at++
    const c = this.text[this.at]
    if (c === 'u') {
      for (let i = 0; i < 4; i++) {
        this.at++
        if (!/[0-9a-fA-F]/.test(this.text[this.at] ?? ' ')) this.fail('in \\u hexadecimal character escape')
      }
    } else if (c === undefined || !'"\\/bfnrt'.includes(c)) this.fail('in string escape code')
  }

  private number(): NumberText | number {
    const begin = this.at
    if (this.text[this.at] === '-') this.at++
    if (this.text[this.at] === '0') this.at++
    else this.digits('in numeric literal')
    if (this.text[this.at] === '.') {
      this.at++
      this.digits('after decimal point in numeric literal')
    }
    if (this.text[this.at] === 'e' || this.text[this.at] === 'E') {
      this.at++
      if (this.text[this.at] === '+' || this.text[this.at] === '-') this.at++
      this.digits('in exponent of numeric literal')
    }
    const text = this.text.slice(begin, this.at)
    const value = Number(text)
    return String(value) === text ? value : new NumberText(text)
  }

  private digits(context: string): void {
    const begin = this.at
    while (this.text[this.at] >= '0' && this.text[this.at] <= '9') this.at++
    if (this.at === begin) this.fail(context)
  }

  private literal(first: string): unknown {
    const [word, value] = LITERALS[first]
    for (let i = 0; i < word.length; i++, this.at++) {
      if (this.text[this.at] !== word[i]) this.fail(`in literal ${word} (expecting '${word[i]}')`)
    }
    return value
  }
}

/** A number that JavaScript would write in another way, so that errors can show it as it came. */
export class NumberText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** The values in the text (usually one). Throws JsonSyntaxError. */
export function parseJson(text: string): unknown[] {
  return new Reader(text).all()
}

/** The value in the text, which may have only one; none when there is nothing. Throws JsonSyntaxError. */
export function parseOneValue(text: string): unknown[] {
  return new Reader(text).one()
}

/** What Go's `json.Unmarshal` says of the same mistake: the place is left out, and the end has another name. */
export function unmarshalMessage(error: JsonSyntaxError): string {
  if (error.message === 'unexpected EOF') return 'unexpected end of JSON input'
  return error.message.replace(/ at offset \d+$/, '')
}
