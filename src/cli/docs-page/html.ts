const MARKS: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** A text as HTML shows it, in attributes too. */
export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (mark) => MARKS[mark])
}

export function code(text: string): string {
  return `<code>${escaped(text)}</code>`
}

/** A subject, what varies in it marked. */
export function subject(text: string): string {
  const shown = escaped(text).replace(/\{[^}]*\}|(?<=^|\.)(\*|&gt;)(?=\.|$)/g, (part) => `<i>${part}</i>`)
  return `<code class="subject">${shown}</code>`
}

/** A name and what it is, where there is something to tell. */
export function fact(name: string, html: string | undefined): string {
  return html === undefined ? '' : `<div class="fact"><dt>${escaped(name)}</dt><dd>${html}</dd></div>`
}

export function facts(all: readonly string[]): string {
  const there = all.join('')
  return there === '' ? '' : `<dl>${there}</dl>`
}

/** An id in the page, of a name that may hold anything. */
export function anchor(kind: string, name: string): string {
  return `${kind}-${name.replace(/[^A-Za-z0-9_-]/g, (character) => `.${character.charCodeAt(0).toString(16)}`)}`
}

/** A value as one reads it: texts bare, the rest as JSON. */
export function plainly(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
