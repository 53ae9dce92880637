import type { ServerOptions } from './options.ts'
import type { UserOptions } from './security-options.ts'

/** Whether somebody has a password that is not hashed, as nats-server warns of. Users of certificates have none. */
export function hasPlaintextPasswords({ password, users = [], accounts = {}, tls }: ServerOptions): boolean {
  const isPlain = (given: string): boolean => !given.startsWith('$2')
  if (password !== undefined && password !== '' && isPlain(password)) return true
  const all: UserOptions[] = [...users, ...Object.values(accounts).flatMap((account) => account.users ?? [])]
  return all.some((user) => {
    if (user.nkey !== undefined) return false
    const given = user.password ?? ''
    return isPlain(given) && !(given === '' && tls?.verifyAndMap === true)
  })
}
