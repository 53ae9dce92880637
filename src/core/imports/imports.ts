import type { Clock } from '../../ports/index.ts'
import { hasWildcard, latin1Of, SubjectTransform, withPlaces } from '../../subjects/index.ts'
import type { Account } from '../account.ts'
import { type Receiver, Subscription } from '../subscription.ts'
import { checkExport, checkImport } from './check.ts'
import { type AccountShares, type ImportDefinition, ImportError } from './definitions.ts'
import { Responses } from './responses.ts'
import { ServiceImport } from './service-import.ts'
import { StreamImport } from './stream-import.ts'

/** Where accounts are found. */
export interface AccountHouse {
  readonly clock: Clock
  account(name: string): Account
}

/**
 * Checks what accounts share and take.
 * @throws ImportError with nats-server's sentence
 */
export function checkShares(all: readonly AccountShares[]): void {
  const byName = new Map(all.map((each) => [each.name, each]))
  for (const shares of all) {
    for (const each of shares.exports) {
      attempt(`Error adding ${each.kind} export "${each.subject}"`, () => checkExport(each))
      for (const name of each.accounts ?? []) {
        if (!byName.has(name)) throw new ImportError(`"${name}" account not defined for ${each.kind} export`)
      }
    }
  }
  for (const shares of all) {
    for (const each of shares.imports) {
      if (!byName.has(each.account)) {
        throw new ImportError(`"${each.account}" account not defined for ${each.kind} import`)
      }
      attempt(`Error adding ${each.kind} import "${each.subject}"`, () => {
        checkImport(byName, shares, each)
        compile(each)
      })
    }
  }
}

/** Lays the ways between accounts that have been checked. Returns what takes them away again. */
export function connectShares(house: AccountHouse, all: readonly AccountShares[]): () => void {
  const byName = new Map(all.map((each) => [each.name, each]))
  const responses = new Map<Account, Responses>()
  const ends: (() => void)[] = []
  const add = (account: Account, pattern: string, receiver: Receiver): void => {
    const subscription = new Subscription(latin1Of(pattern), '', '', receiver)
    account.addShadow(subscription)
    ends.push(() => account.remove(subscription))
  }
  const responsesOf = (account: Account): Responses => {
    let found = responses.get(account)
    if (found === undefined) {
      found = new Responses(account, house.clock, responsesOf)
      responses.set(account, found)
      add(account, found.pattern, found)
    }
    return found
  }
  for (const shares of all) {
    const importer = house.account(shares.name)
    const streams: StreamImport[] = []
    for (const each of shares.imports) {
      const shared = checkImport(byName, shares, each)
      const exporter = house.account(each.account)
      if (each.kind === 'stream') streams.push(new StreamImport(exporter, each))
      else {
        const receiver = new ServiceImport(importer, exporter, shared, each, responsesOf(exporter))
        add(importer, ServiceImport.patternOf(each), receiver)
      }
    }
    if (streams.length === 0) continue
    importer.followBy(streams)
    ends.push(() => importer.followBy([]))
  }
  return () => {
    for (const end of ends) end()
  }
}

/** Can its subjects be mapped? */
function compile({ subject, to, kind }: ImportDefinition): void {
  if (subject === to || !hasWildcard(subject)) return
  try {
    SubjectTransform.compile(subject, withPlaces(to), { isStrict: true })
  } catch (error) {
    const reason = (error as Error).message
    throw new ImportError(
      `failed to create mapping transform for ${kind} import subject from "${kind === 'stream' ? subject : to}" to "${kind === 'stream' ? to : subject}": ${reason}`,
    )
  }
}

function attempt(what: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    throw new ImportError(`${what}: ${(error as Error).message}`)
  }
}
