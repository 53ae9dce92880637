/** The value of a header in a block of them as text, '' without. */
export function headerOf(headers: string, name: string): string {
  const at = headers.indexOf(`\r\n${name}:`)
  if (at === -1) return ''
  const start = at + name.length + 3
  return headers.slice(start, headers.indexOf('\r\n', start)).trim()
}
