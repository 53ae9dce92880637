/** Text of clients on its way to a log or an answer: nothing in it may break a line or move a terminal's cursor. */

/** What is neither letter, mark, number, punctuation, symbol nor the plain space: controls, line ends, bidi marks. */
const UNPRINTABLE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u
const ALL_UNPRINTABLE = new RegExp(UNPRINTABLE, 'gu')
const ALL_UNPRINTABLE_AND_QUOTES = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|["\\]/gu

const NAMED: ReadonlyMap<string, string> = new Map([
  ['\x07', '\\a'],
  ['\b', '\\b'],
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\v', '\\v'],
  ['\f', '\\f'],
  ['\r', '\\r'],
  ['"', '\\"'],
  ['\\', '\\\\'],
])

function escaped(character: string): string {
  const named = NAMED.get(character)
  if (named !== undefined) return named
  const code = character.codePointAt(0) as number
  if (code < 128) return `\\x${code.toString(16).padStart(2, '0')}`
  return code < 0x1_0000
    ? `\\u${code.toString(16).padStart(4, '0')}`
    : `\\U${code.toString(16).padStart(8, '0')}`
}

/** In double quotes, with everything that does not print escaped, as Go's `%q` has it. */
export function quoted(text: string): string {
  return `"${text.replace(ALL_UNPRINTABLE_AND_QUOTES, escaped)}"`
}

/** One line: what does not print is escaped, all else stays. */
export function printable(text: string): string {
  return UNPRINTABLE.test(text) ? text.replace(ALL_UNPRINTABLE, escaped) : text
}
