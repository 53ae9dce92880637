import type { Ledger } from './ledger.ts'

/** The ledgers of a log by name, and by number as records of the journal name them. */
export class Ledgers extends Map<string, Ledger> {
  private readonly byId = new Map<number, Ledger>()

  ofId(id: number): Ledger | undefined {
    return this.byId.get(id)
  }

  override set(name: string, ledger: Ledger): this {
    this.delete(name)
    this.byId.set(ledger.id, ledger)
    return super.set(name, ledger)
  }

  override delete(name: string): boolean {
    const ledger = this.get(name)
    if (ledger !== undefined) this.byId.delete(ledger.id)
    return super.delete(name)
  }
}
