/** Credentials in cookies, which browsers send with the upgrade to WebSocket where scripts can't set headers. */
import type { IncomingMessage } from 'node:http'
import type { ShownByCookies } from '../core/index.ts'

/** Names of cookies, '' for none. */
export interface CookieNames {
  readonly jwt: string
  readonly user: string
  readonly pass: string
  readonly auth_token: string
}

const fields = ['jwt', 'user', 'pass', 'auth_token'] as const

const NAME = /^[\w!#$%&'*+.^`|~-]+$/
const VALUE = /^[ !#-:<-[\]-~]*$/

/** What the cookies of a request show; null: nothing. Of several with one name the last counts, as with nats-server. */
export function shownByCookies({ headers }: IncomingMessage, names: CookieNames): ShownByCookies | null {
  if (headers.cookie === undefined || fields.every((field) => names[field] === '')) return null
  const found: Record<(typeof fields)[number], string> = { jwt: '', user: '', pass: '', auth_token: '' }
  for (const [name, value] of cookiesOf(headers.cookie)) {
    const field = fields.find((each) => names[each] === name)
    if (field !== undefined) found[field] = value
  }
  return found
}

function cookiesOf(header: string): [string, string][] {
  const found: [string, string][] = []
  for (const part of header.split(';')) {
    const at = part.indexOf('=')
    const name = (at < 0 ? part : part.slice(0, at)).trim()
    // As Go reads it, white space in front belongs to the value.
    const value = at < 0 ? '' : part.slice(at + 1).trimEnd()
    const bare = value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
    if (NAME.test(name) && VALUE.test(bare)) found.push([name, bare])
  }
  return found
}
