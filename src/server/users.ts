/** Who may connect: nobody asked, one user, a token, or a list of users. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { type Authenticator, type Credentials, type Identity, openAuthenticator } from '../core/index.ts'
import type { Settings } from './options.ts'

const GLOBAL_ACCOUNT = '$G'

/** The authenticator for the settings. */
export function authenticatorOf(settings: Settings): Authenticator {
  const { token, user, password, users } = settings
  if (token !== '') return new TokenAuthenticator(token)
  if (user !== '' || password !== '') return new UserAuthenticator(new Map([[user, password]]))
  if (users.length > 0) return new UserAuthenticator(new Map(users.map((each) => [each.user, each.password])))
  return openAuthenticator
}

/** Do two settings let in the same clients? */
export function haveSameUsers(a: Settings, b: Settings): boolean {
  const of = ({ token, user, password, users }: Settings) => JSON.stringify([token, user, password, users])
  return of(a) === of(b)
}

class TokenAuthenticator implements Authenticator {
  readonly isRequired = true
  private readonly token: string

  constructor(token: string) {
    this.token = token
  }

  authenticate({ options }: Credentials): Identity | null {
    return isSame(options.auth_token, this.token) ? { account: GLOBAL_ACCOUNT, user: '' } : null
  }
}

class UserAuthenticator implements Authenticator {
  readonly isRequired = true
  private readonly passwords: ReadonlyMap<string, string>

  constructor(passwords: ReadonlyMap<string, string>) {
    this.passwords = passwords
  }

  authenticate({ options }: Credentials): Identity | null {
    const password = this.passwords.get(options.user)
    if (password === undefined || !isSame(options.pass, password)) return null
    return { account: GLOBAL_ACCOUNT, user: options.user }
  }
}

/** Compares without telling by its time how much was right. */
function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
