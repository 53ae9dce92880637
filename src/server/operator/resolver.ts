/** Where the JWTs of accounts come from. */

export interface Resolver {
  /** The JWT of an account; null: there is none. Rejects when it can't be asked for. */
  fetch(account: string): Promise<string | null>
  /** Keeps one that is newer than what is there. */
  keep(account: string, jwt: string): void
}

/** What was preloaded, and nothing else. */
export class MemoryResolver implements Resolver {
  private jwts = new Map<string, string>()

  fetch(account: string): Promise<string | null> {
    return Promise.resolve(this.jwts.get(account) ?? null)
  }

  keep(account: string, jwt: string): void {
    this.jwts.set(account, jwt)
  }

  /** These, and no others. */
  replace(jwts: Readonly<Record<string, string>>): void {
    this.jwts = new Map(Object.entries(jwts))
  }
}
