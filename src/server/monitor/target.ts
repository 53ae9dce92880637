/** What a request line asks for: the path, made plain as Go's router does it, and the parameters. Never throws. */

export type Target =
  | { kind: 'page'; path: string; parameters: URLSearchParams }
  | { kind: 'redirect'; location: string }
  | { kind: 'bad' }

const BAD: Target = { kind: 'bad' }
/** `http://host/path`: what a proxy would be asked. */
const ABSOLUTE = /^https?:\/\/[^/?#\s[\]@]+(?=[/?#]|$)/i
const BAD_ESCAPE = /%(?![0-9a-f]{2})/i

export function targetOf(url: string): Target {
  const relative = url.startsWith('/') ? url : absolutePath(url)
  if (relative === null) return BAD
  const mark = relative.indexOf('?')
  const path = mark === -1 ? relative : relative.slice(0, mark)
  const query = mark === -1 ? '' : relative.slice(mark)
  if (BAD_ESCAPE.test(path)) return BAD
  const plain = plainPath(path)
  if (plain !== path) return { kind: 'redirect', location: plain + query }
  // Parameters with bad escapes are read as far as they can be.
  return { kind: 'page', path: decoded(path), parameters: new URLSearchParams(query) }
}

function absolutePath(url: string): string | null {
  const origin = ABSOLUTE.exec(url)?.[0]
  if (origin === undefined) return null
  const rest = url.slice(origin.length)
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** Without empty tokens, `.` and `..`; a slash at the end stays. */
function plainPath(path: string): string {
  const kept: string[] = []
  const tokens = path.split('/')
  for (const token of tokens) {
    if (token === '..') kept.pop()
    else if (token !== '' && token !== '.') kept.push(token)
  }
  if (kept.length === 0) return '/'
  return `/${kept.join('/')}${path.endsWith('/') ? '/' : ''}`
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    // Escapes that are no UTF-8: no page has such a name.
    return path
  }
}
