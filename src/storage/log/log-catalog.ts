import type { MessageLog } from './message-log.ts'

/** The logs of a store, by name and by number. Numbers are given once. */
export class LogCatalog {
  readonly byName = new Map<string, MessageLog>()
  private readonly byId = new Map<number, MessageLog>()
  nextId = 1

  get(id: number): MessageLog | undefined {
    return this.byId.get(id)
  }

  /** Is this log there still? */
  has(log: MessageLog): boolean {
    return this.byId.get(log.id) === log
  }

  /** Of two logs of a name the one made later has it: the other was deleted, and its deletion is still to be replayed. */
  add(log: MessageLog): void {
    this.byId.set(log.id, log)
    this.nextId = Math.max(this.nextId, log.id + 1)
    const other = this.byName.get(log.name)
    if (other === undefined || other.id < log.id) this.byName.set(log.name, log)
  }

  remove(log: MessageLog): void {
    if (this.byName.get(log.name) === log) this.byName.delete(log.name)
    this.byId.delete(log.id)
  }

  /** Logs whose name another has: deleted before that was made. */
  nameless(): MessageLog[] {
    return [...this.byId.values()].filter((log) => this.byName.get(log.name) !== log)
  }
}
