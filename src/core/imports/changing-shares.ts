/** What accounts share and take, where accounts come, change and go one by one. */
import { checkExport, checkImport, checkLatency } from './check.ts'
import type { AccountShares, ExportDefinition, ImportDefinition } from './definitions.ts'
import { ImportError } from './definitions.ts'
import { type AccountHouse, checkMapping, Ways } from './imports.ts'

/** An import that can't be, or not yet. */
export interface FailedImport {
  readonly wanted: ImportDefinition
  readonly error: ImportError
}

interface Laid {
  readonly wanted: AccountShares
  end: () => void
}

export class ChangingShares {
  private readonly ways: Ways
  private readonly laid = new Map<string, Laid>()
  /** With the imports that are allowed alone. */
  private readonly allowed = new Map<string, AccountShares>()
  /** Who wants something of an account, by its name. */
  private readonly importers = new Map<string, Set<string>>()

  constructor(house: AccountHouse) {
    this.ways = new Ways(house)
  }

  /**
   * Sets what an account shares and takes; what others take from it is looked at anew. Exports that can't be are left out. Returns
   * the imports that can't be, or not yet.
   */
  set(shares: AccountShares): FailedImport[] {
    const { name } = shares
    this.forget(name)
    const wanted = { ...shares, exports: shares.exports.filter(canBe).map((each) => measured(shares, each)) }
    this.laid.set(name, { wanted, end: () => {} })
    for (const { account } of shares.imports) this.importersOf(account).add(name)
    const failed = this.lay(name)
    for (const importer of this.importersOf(name)) if (importer !== name) this.lay(importer)
    return failed
  }

  /** The account is gone: nothing comes from it, and it gets nothing. */
  remove(name: string): void {
    this.forget(name)
    this.allowed.delete(name)
    for (const importer of this.importersOf(name)) this.lay(importer)
  }

  /** Lays the imports of an account anew, by what others share now. */
  lay(name: string): FailedImport[] {
    const laid = this.laid.get(name)
    if (laid === undefined) return []
    laid.end()
    const { wanted: shares } = laid
    const failed: FailedImport[] = []
    const imports: { wanted: ImportDefinition; shared: ReturnType<typeof checkImport> }[] = []
    /** Those that are allowed so far, and the one that is looked at. */
    const own: ImportDefinition[] = []
    const allowed = { ...shares, imports: own }
    this.allowed.set(name, allowed)
    for (const wanted of shares.imports) {
      own.push(wanted)
      try {
        const shared = checkImport(this.allowed, allowed, wanted)
        checkMapping(wanted)
        imports.push({ wanted, shared })
      } catch (error) {
        own.pop()
        if (!(error instanceof ImportError)) throw error
        failed.push({ wanted, error })
      }
    }
    laid.end = this.ways.lay(name, imports)
    return failed
  }

  /** The imports of an account that are allowed. */
  importsOf(name: string): readonly ImportDefinition[] {
    return this.allowed.get(name)?.imports ?? []
  }

  end(): void {
    for (const { end } of this.laid.values()) end()
    this.ways.end()
  }

  private forget(name: string): void {
    const before = this.laid.get(name)
    if (before === undefined) return
    before.end()
    this.laid.delete(name)
    for (const { account } of before.wanted.imports) this.importers.get(account)?.delete(name)
  }

  private importersOf(name: string): Set<string> {
    let found = this.importers.get(name)
    if (found === undefined) {
      found = new Set()
      this.importers.set(name, found)
    }
    return found
  }
}

/** Without latency, where that can't be told. */
function measured(shares: AccountShares, shared: ExportDefinition): ExportDefinition {
  try {
    checkLatency(shares, shared)
    return shared
  } catch (error) {
    if (!(error instanceof ImportError)) throw error
    const { latency: _, ...rest } = shared
    return rest
  }
}

function canBe(shared: AccountShares['exports'][number]): boolean {
  try {
    checkExport(shared)
    return true
  } catch (error) {
    if (error instanceof ImportError) return false
    throw error
  }
}
