/**
 * The grammar of NATS configuration files: maps, arrays, strings (plain, quoted, in a block), numbers with size
 * suffixes, booleans, dates, comments, variables from the file and the environment, and `include`.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { integerValue } from './number.ts'
import { numberWord } from './number-word.ts'
import { Scanner } from './scanner.ts'
import { type ConfigEntry, ConfigError, ConfigMap, type ConfigValue, type Place, show } from './value.ts'

const BCRYPT_REFERENCE = '2a$'
/** What nats-server shows in the place of a character where the file has ended. */
const END = '\0'
/** Outside of maps a key goes on to the next blank or separator, whatever is in it. */
const OUTER_KEY = /[^\s:=]+/y
const INNER_KEY = /[^\s:={},;[\]]+/y
const MAX_INCLUDES = 32
const MAX_DEPTH = 128

const booleans: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['no', false],
  ['off', false],
])
const escapes: ReadonlyMap<string, string> = new Map([
  ['t', '\t'],
  ['n', '\n'],
  ['r', '\r'],
  ['"', '"'],
  ['\\', '\\'],
])

export interface ParseOptions {
  /** Shown in errors. */
  file: string
  /** Includes are relative to it. */
  folder: string
  environment: Readonly<Record<string, string | undefined>>
}

/**
 * Reads a file.
 * @throws ConfigError, or node:fs's error when the file can't be read
 */
export function parseConfigFile(file: string, environment = process.env): ConfigMap {
  return parseFile(file, environment, 0)
}

/** Reads a text. */
export function parseConfig(text: string, options: ParseOptions): ConfigMap {
  return new ConfigParser(new Scanner(text, options.file), options, 0).parse()
}

function parseFile(file: string, environment: ParseOptions['environment'], includes: number): ConfigMap {
  const text = readFileSync(file, 'utf8')
  const options = { file, folder: dirname(file), environment }
  return new ConfigParser(new Scanner(text, file), options, includes).parse()
}

class ConfigParser {
  private readonly scanner: Scanner
  private readonly options: ParseOptions
  private readonly includes: number
  /** The maps around what is being read, the outermost first: where variables are looked up. */
  private readonly scopes: ConfigMap[] = []
  private readonly environmentNames = new Set<string>()
  private depth = 0

  constructor(scanner: Scanner, options: ParseOptions, includes: number) {
    this.scanner = scanner
    this.options = options
    this.includes = includes
  }

  parse(): ConfigMap {
    const { scanner } = this
    const map = new ConfigMap()
    this.scopes.push(map)
    scanner.skipBlanks(true)
    // A whole file may stand in braces; what comes behind them counts too.
    let inBraces = scanner.peek() === '{'
    if (inBraces) scanner.next()
    for (;;) {
      scanner.skipBlanks(true)
      if (inBraces && scanner.peek() === '}') {
        scanner.next()
        inBraces = false
        continue
      }
      if (scanner.peek() === '}') {
        scanner.next()
        continue
      }
      if (scanner.isAtEnd) break
      this.entry(map)
      this.endOfTopValue(inBraces)
    }
    this.scopes.pop()
    return map
  }

  private endOfTopValue(inBraces: boolean): void {
    const { scanner } = this
    scanner.skipBlanks(false)
    const character = scanner.peek()
    if (character === '\n' || character === '\r' || (character === '' && !inBraces)) return
    if (character === ';' || character === ',' || (character === '}' && !inBraces)) scanner.next()
    else if (character !== '}') {
      const kind = inBraces ? 'block-level value' : 'top-level value'
      throw scanner.fail(
        `Expected a ${kind} to end with a new line, comment or EOF, but got '${character || END}' instead.`,
      )
    }
  }

  /** `key value`, `key: value`, `key = value`, `key { … }` or `include file`. */
  private entry(map: ConfigMap): void {
    const { scanner } = this
    const place = scanner.place()
    // The place of a quoted key is behind the quote.
    if (scanner.peek() === '"' || scanner.peek() === "'") place.column++
    const key = this.key()
    if (key === 'include' && /[ \t'"]/.test(scanner.peek())) {
      this.include(map)
      return
    }
    scanner.skipSpace()
    if (scanner.isAtEnd) throw new ConfigError(`config is invalid (${show(scanner.place())})`)
    if (scanner.peek() === ':' || scanner.peek() === '=') scanner.next()
    scanner.skipBlanks(false)
    if (scanner.peek() === '\n' && this.scopes.length === 1) {
      scanner.next()
      throw scanner.fail('Expected value but found new line')
    }
    if (scanner.isAtEnd && this.scopes.length === 1) {
      map.entries.set(key, { key, place, value: string(scanner.place(), ''), isVariable: false })
      return
    }
    scanner.skipSpace()
    const value = this.value()
    map.entries.set(key, { key, place, value, isVariable: false })
  }

  private key(): string {
    const { scanner } = this
    const first = scanner.peek()
    if (first === ':' || first === '=') throw scanner.fail(`Unexpected key separator '${first}'`)
    const isOuter = this.scopes.length === 1
    if (first === '"' || first === "'") {
      scanner.next()
      let text = ''
      while (scanner.peek() !== first) {
        if (scanner.isAtEnd)
          throw scanner.fail(isOuter ? 'Unexpected EOF.' : 'Unexpected EOF processing quoted map key.')
        text += scanner.next()
      }
      scanner.next()
      return text
    }
    const key = scanner.take(isOuter ? OUTER_KEY : INNER_KEY)
    if (key === null) throw scanner.fail(`Unexpected '${first}' where a key was expected.`)
    return key
  }

  private value(): ConfigValue {
    const { scanner } = this
    const place = scanner.place()
    const first = scanner.peek()
    if (first === '') throw scanner.fail('Unexpected EOF.')
    if (first === '{') return this.nested(place, () => this.map())
    if (first === '[') return this.nested(place, () => this.array())
    // The place of what is in quotes is behind them.
    const inside = { ...place, column: place.column + 1 }
    if (first === "'") return string(inside, this.singleQuoted())
    if (first === '"') return string(inside, this.doubleQuoted())
    if (first === '(') return string(place, this.block())
    if (first === '.') throw scanner.fail('Floats must start with a digit')
    return this.plain(place)
  }

  private nested(place: Place, read: () => ConfigMap | ConfigValue[]): ConfigValue {
    if (++this.depth > MAX_DEPTH) throw this.scanner.fail('Nested too deeply.')
    this.scanner.next()
    const data = read()
    this.depth--
    return { place, data, isFloat: false, end: this.scanner.place() }
  }

  private map(): ConfigMap {
    const { scanner } = this
    const map = new ConfigMap()
    this.scopes.push(map)
    for (;;) {
      scanner.skipBlanks(true)
      const character = scanner.peek()
      if (character === '') throw scanner.fail('Unexpected EOF processing map.')
      if (character === ']') throw scanner.fail("Unexpected array end ']' processing map.")
      if (character === '}') {
        scanner.next()
        this.scopes.pop()
        return map
      }
      this.entry(map)
      scanner.skipBlanks(false)
      const end = scanner.peek()
      if (end === ',' || end === ';') scanner.next()
      else if (end !== '}' && end !== '\n' && end !== '\r') {
        const got = end === '' ? END : end
        throw scanner.fail(
          `Expected a map value terminator "," or a map terminator "}", but got '${got}' instead.`,
        )
      }
    }
  }

  private array(): ConfigValue[] {
    const { scanner } = this
    const items: ConfigValue[] = []
    for (;;) {
      scanner.skipBlanks(true)
      const character = scanner.peek()
      if (character === ',') throw scanner.fail("Unexpected array value terminator ','.")
      if (character === ']') {
        scanner.next()
        return items
      }
      if (character === '') throw this.arrayNotEnded(END)
      items.push(this.value())
      scanner.skipBlanks(false)
      const end = scanner.peek()
      if (end === ',') scanner.next()
      else if (end !== ']' && end !== '\n' && end !== '\r') throw this.arrayNotEnded(end === '' ? END : end)
    }
  }

  private arrayNotEnded(got: string): ConfigError {
    const wanted = 'Expected an array value terminator "," or an array terminator "]"'
    return this.scanner.fail(`${wanted}, but got '${got}' instead.`)
  }

  private singleQuoted(): string {
    const { scanner } = this
    scanner.next()
    const text = scanner.take(/[^']*/y) ?? ''
    if (scanner.isAtEnd) throw scanner.fail('Unexpected EOF.')
    scanner.next()
    return text
  }

  private doubleQuoted(): string {
    const { scanner } = this
    scanner.next()
    let text = ''
    for (;;) {
      if (scanner.isAtEnd) throw scanner.fail('Unexpected EOF.')
      const character = scanner.next()
      if (character === '"') return text
      text += character === '\\' ? this.escape() : character
    }
  }

  private escape(): string {
    const { scanner } = this
    const character = scanner.next()
    if (character === 'x') {
      const digits = scanner.take(/[0-9a-fA-F]{2}/y)
      if (digits !== null) return String.fromCharCode(Number.parseInt(digits, 16))
      throw scanner.fail(
        `Expected two hexadecimal digits after '\\x', but got '${scanner.peek()}${scanner.peek(1)}'`,
      )
    }
    const plain = escapes.get(character)
    if (plain !== undefined) return plain
    const allowed = 'Only the following escape characters are allowed: \\xXX, \\t, \\n, \\r, \\", \\\\.'
    throw scanner.fail(`Invalid escape character '${character}'. ${allowed}`)
  }

  /** `(` … `)`, the closing one alone in its line. */
  private block(): string {
    const { scanner } = this
    scanner.next()
    let text = ''
    for (;;) {
      if (scanner.isAtEnd) throw scanner.fail('Unexpected EOF processing block.')
      const character = scanner.next()
      const isLast =
        character === ')' && text.endsWith('\n') && (scanner.isAtEnd || /[\r\n]/.test(scanner.peek()))
      if (isLast) return text
      text += character
    }
  }

  /** A word without quotes: number, boolean, date, variable or string. */
  private plain(place: Place): ConfigValue {
    const { scanner } = this
    let text = ''
    let isEscaped = false
    if (/[\d-]/.test(scanner.peek())) {
      const word = numberWord(scanner)
      if (word.kind === 'integer') return { place, data: integerValue(word.text), isFloat: false }
      if (word.kind === 'float') return { place, data: Number(word.text), isFloat: true }
      if (word.kind === 'date') return { place, data: new Date(word.text), isFloat: false }
      if (word.kind === 'text') return string(place, word.text)
      text = word.text
    }
    for (;;) {
      const character = scanner.peek()
      if (character === '' || /[\s,;\]}]/.test(character)) break
      scanner.next()
      if (character === '\\') {
        isEscaped = true
        text += this.escape()
      } else {
        text += character
      }
    }
    if (isEscaped) return string(place, text)
    if (text.startsWith('$')) return this.variable(text.slice(1), place)
    const truth = booleans.get(text.toLowerCase())
    if (truth !== undefined) return { place, data: truth, isFloat: false }
    return string(place, text)
  }

  private variable(name: string, place: Place): ConfigValue {
    if (name.startsWith(BCRYPT_REFERENCE)) return string(place, `$${name}`)
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const entry = this.scopes[i].entries.get(name)
      if (entry === undefined) continue
      entry.isVariable = true
      return { ...entry.value, place }
    }
    const text = Object.hasOwn(this.options.environment, name) ? this.options.environment[name] : undefined
    if (text === undefined) {
      throw new ConfigError(`variable reference for '${name}' on line ${place.line} can not be found`)
    }
    return this.fromEnvironment(name, text, place)
  }

  /** What the environment holds is read as a value of the file would be. */
  private fromEnvironment(name: string, text: string, place: Place): ConfigValue {
    const about = `variable reference for '${name}' on line ${place.line} could not be parsed`
    if (this.environmentNames.has(name))
      throw new ConfigError(`${about}: variable reference cycle for '${name}'`)
    this.environmentNames.add(name)
    try {
      const parser = new ConfigParser(
        new Scanner(`value=${text}`, this.options.file),
        this.options,
        this.includes,
      )
      for (const known of this.environmentNames) parser.environmentNames.add(known)
      const entry = parser.parse().entries.get('value') as ConfigEntry
      return { ...entry.value, place }
    } catch (error) {
      throw new ConfigError(`${about}: ${(error as Error).message}`)
    } finally {
      this.environmentNames.delete(name)
    }
  }

  private include(map: ConfigMap): void {
    const { scanner } = this
    scanner.skipBlanks(false)
    const first = scanner.peek()
    let name: string
    if (first === '"') name = this.doubleQuoted()
    else if (first === "'") name = this.singleQuoted()
    else name = scanner.take(/[^\s;,}]+/y) ?? ''
    try {
      if (this.includes >= MAX_INCLUDES) throw new Error('files include each other')
      const included = parseFile(join(this.options.folder, name), this.options.environment, this.includes + 1)
      for (const [key, entry] of included.entries) map.entries.set(key, entry)
    } catch (error) {
      throw new ConfigError(`error parsing include file '${name}', ${reason(error as NodeJS.ErrnoException)}`)
    }
  }
}

function string(place: Place, data: string): ConfigValue {
  return { place, data, isFloat: false }
}

/** Why a file could not be opened, in the words nats-server has from its operating system. */
export function reason(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return `open ${error.path}: no such file or directory`
  if (error.code === 'EACCES') return `open ${error.path}: permission denied`
  return error.message
}
