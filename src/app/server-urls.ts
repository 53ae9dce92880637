/** URLs of servers: who logs in, and the rest. */

const USER_INFO = /^((?:[a-z]+:\/\/)?)([^@/]+)@/i

/** A URL without user and password: the client does not read them there, and the log must not have them. */
export function withoutUser(url: string): string {
  return url.replace(USER_INFO, '$1')
}

/** What stands for something else, as in a URL; a password with a bare % in it is meant as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** User and password, or a token: what the first URL that has any says. */
export function loginOf(urls: readonly string[]): { user?: string; password?: string; token?: string } {
  for (const url of urls) {
    const info = USER_INFO.exec(url)?.[2]
    if (info === undefined) continue
    const at = info.indexOf(':')
    if (at < 0) return { token: decoded(info) }
    return { user: decoded(info.slice(0, at)), password: decoded(info.slice(at + 1)) }
  }
  return {}
}
