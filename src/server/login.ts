/** Who decides about logins, by the settings. */
import { Callout, CalloutUsers, ConfiguredUsers } from '../auth/index.ts'
import type { Authenticator, Bus } from '../core/index.ts'
import type { ServerIdentity } from './identity.ts'
import type { Settings } from './options.ts'
import { COMPATIBLE_VERSION } from './versions.ts'

/** Asks services about those who want to connect. `settings`: those that hold now. */
export function calloutOf(
  bus: Bus,
  identity: ServerIdentity,
  name: string,
  settings: () => Settings,
): Callout {
  return new Callout({
    server: {
      id: identity.id,
      curveKey: identity.curveKey,
      describe: () => {
        const { tags } = settings()
        return {
          name,
          host: bus.info.host,
          id: identity.id,
          version: COMPATIBLE_VERSION,
          ...(tags.length === 0 ? {} : { tags }),
        }
      },
      sign: (text) => identity.sign(text),
      sealing: () => identity.sealing(),
    },
    clock: bus.clock,
    account: (account) => bus.account(account),
    timeoutMs: () => bus.limits.authTimeoutMs,
    log: (level, text) => bus.log(level, text),
  })
}

/** Users of the configuration, and a service that is asked about the others where there is one. */
export function usersOf(bus: Bus, callout: Callout, { security }: Settings): Authenticator {
  const users = new ConfiguredUsers(security.users)
  const { callout: settings } = security
  if (settings === null) return users
  return new CalloutUsers(users, callout, settings, (name) => bus.accounts.has(name))
}

/** What of a callout can't be, though the server starts with it: for the log. */
export function calloutComplaints(bus: Bus, { security }: Settings): string[] {
  const { callout, users } = security
  if (callout === null) return []
  const complaints = bus.accounts.has(callout.account)
    ? []
    : [`Authorization callout account "${callout.account}" not valid`]
  for (const user of callout.users)
    if (!users.users.some(({ name }) => name === user))
      complaints.push(`Authorization callout user "${user}" not valid: <nil>`)
  return complaints
}
