import type { Clock } from '../../ports/index.ts'
import { hasWildcard, latin1Of, SubjectTransform, withPlaces } from '../../subjects/index.ts'
import type { Account } from '../account.ts'
import { type Receiver, Subscription } from '../subscription.ts'
import { checkExport, checkImport } from './check.ts'
import {
  type AccountShares,
  type ExportDefinition,
  type ImportDefinition,
  ImportError,
} from './definitions.ts'
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
        checkMapping(each)
      })
    }
  }
}

/** Lays the ways between accounts that have been checked. Returns what takes them away again. */
export function connectShares(house: AccountHouse, all: readonly AccountShares[]): () => void {
  const byName = new Map(all.map((each) => [each.name, each]))
  const ways = new Ways(house)
  const ends = all.map((shares) =>
    ways.lay(
      shares.name,
      shares.imports.map((wanted) => ({ wanted, shared: checkImport(byName, shares, wanted) })),
    ),
  )
  return () => {
    for (const end of ends) end()
    ways.end()
  }
}

/** An import, and the export that it is of. */
interface Allowed {
  readonly wanted: ImportDefinition
  readonly shared: ExportDefinition
}

/** Lays the ways of accounts' imports. */
export class Ways {
  private readonly house: AccountHouse
  private readonly responses = new Map<Account, Responses>()
  private readonly ends: (() => void)[] = []

  constructor(house: AccountHouse) {
    this.house = house
  }

  /** The imports of an account. Returns what takes them away again. */
  lay(name: string, imports: readonly Allowed[]): () => void {
    const { house } = this
    const importer = house.account(name)
    const ends: (() => void)[] = []
    const streams: StreamImport[] = []
    for (const { wanted, shared } of imports) {
      const exporter = house.account(wanted.account)
      if (wanted.kind === 'stream') streams.push(new StreamImport(exporter, wanted))
      else {
        const receiver = new ServiceImport(importer, exporter, shared, wanted, this.responsesOf(exporter))
        ends.push(shadow(importer, ServiceImport.patternOf(wanted), receiver))
      }
    }
    if (streams.length > 0) {
      importer.followBy(streams)
      ends.push(() => importer.followBy([]))
    }
    return () => {
      for (const end of ends) end()
    }
  }

  /** Answers find nobody any more. */
  end(): void {
    for (const end of this.ends) end()
  }

  private responsesOf(account: Account): Responses {
    let found = this.responses.get(account)
    if (found === undefined) {
      const made = new Responses(account, this.house.clock, (other) => this.responsesOf(other))
      this.responses.set(account, made)
      this.ends.push(shadow(account, made.pattern, made), () => made.end())
      found = made
    }
    return found
  }
}

function shadow(account: Account, pattern: string, receiver: Receiver): () => void {
  const subscription = new Subscription(latin1Of(pattern), '', '', receiver)
  account.addShadow(subscription)
  return () => account.remove(subscription)
}

/** Can its subjects be mapped? */
export function checkMapping({ subject, to, kind }: ImportDefinition): void {
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
