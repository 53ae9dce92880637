/** The header block of a message as lines, where speed does not count. */

export interface HeaderLine {
  readonly name: string
  readonly value: string
}

const VERSION = 'NATS/1.0'

/** Lines after the first. */
export function readHeaderLines(buffer: Buffer, start: number, length: number): HeaderLine[] {
  const lines: HeaderLine[] = []
  const [, ...texts] = buffer.toString('latin1', start, start + length).split('\r\n')
  for (const text of texts) {
    const colon = text.indexOf(':')
    if (colon > 0) lines.push({ name: text.slice(0, colon), value: text.slice(colon + 1).replace(/^ +/, '') })
  }
  return lines
}

/** The first value of a name; null when it is not there. */
export function headerValue(lines: readonly HeaderLine[], name: string): string | null {
  return lines.find((line) => line.name === name)?.value ?? null
}

export function writeHeaderLines(lines: readonly HeaderLine[]): Buffer {
  const texts = lines.map(({ name, value }) => `${name}: ${value}\r\n`)
  return Buffer.from(`${VERSION}\r\n${texts.join('')}\r\n`, 'latin1')
}
