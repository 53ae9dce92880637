import { Random } from '../../../../src/ports/random.ts'

/** A seeded source of choices. */
export class Dice extends Random {
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]
  }

  /** The fields that chance lets be said. */
  some(fields: Record<string, () => unknown>, chance: number): Record<string, unknown> {
    const said: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(fields)) if (this.chance(chance)) said[name] = value()
    return said
  }

  /** One of them, more often the one of greater weight. */
  weighted<T>(from: readonly (readonly [weight: number, item: T])[]): T {
    let left = this.next() * from.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, item] of from) {
      left -= weight
      if (left < 0) return item
    }
    return from[from.length - 1][1]
  }
}
