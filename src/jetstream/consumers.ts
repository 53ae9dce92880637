import type { Consumer } from './consumer/consumer.ts'

/** The consumers of a stream by name, and as a list for what happens with every message. */
export class Consumers extends Map<string, Consumer> {
  list: readonly Consumer[] = []

  override set(name: string, consumer: Consumer): this {
    super.set(name, consumer)
    this.list = [...this.values()]
    return this
  }

  override delete(name: string): boolean {
    const wasThere = super.delete(name)
    this.list = [...this.values()]
    return wasThere
  }
}
