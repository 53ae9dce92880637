/** The UTF-8 bytes of a text, a character each: how subjects and patterns are held as text where they are compared with bytes. */
export function latin1Of(text: string): string {
  // Ascii is both at once.
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text, 'utf8').toString('latin1')
}

/** The text whose UTF-8 bytes these are, a character each: to show it. */
export function utf8Of(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}
