/** The characters of a configuration file, one after the other, with their place. */
import { ConfigError, type Place } from './value.ts'

export class Scanner {
  readonly file: string
  private readonly text: string
  private at = 0
  private line = 1
  /** Index that columns of this line count from. */
  private lineStart = 0

  constructor(text: string, file: string) {
    this.text = text.startsWith('\ufeff') ? text.slice(1) : text
    this.file = file
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length
  }

  /** The next character, '' at the end. */
  peek(offset = 0): string {
    return this.text[this.at + offset] ?? ''
  }

  next(): string {
    const character = this.text[this.at] ?? ''
    if (character === '\n') {
      this.line++
      this.lineStart = this.at
    }
    this.at++
    return character
  }

  /** Does `text` stand here? */
  startsWith(text: string): boolean {
    return this.text.startsWith(text, this.at)
  }

  /** The match of a sticky pattern here, which is then passed; null when there is none. */
  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.text)
    if (match === null) return null
    for (let i = 0; i < match[0].length; i++) this.next()
    return match[0]
  }

  place(): Place {
    return {
      file: this.file,
      line: this.line,
      column: Buffer.byteLength(this.text.slice(this.lineStart, this.at)),
    }
  }

  /** White space and comments; `newLines`: line ends as well. */
  skipBlanks(newLines: boolean): void {
    for (;;) {
      const character = this.peek()
      if (character === '#' || (character === '/' && this.peek(1) === '/')) {
        while (!this.isAtEnd && this.peek() !== '\n') this.next()
      } else if (
        character === ' ' ||
        character === '\t' ||
        (newLines && (character === '\n' || character === '\r'))
      ) {
        this.next()
      } else {
        return
      }
    }
  }

  /** Spaces, tabs and line ends, but no comments. */
  skipSpace(): void {
    this.take(/[ \t\r\n\v\f]*/y)
  }

  fail(text: string): ConfigError {
    return new ConfigError(`Parse error on line ${this.line}: '${text}'`)
  }
}
