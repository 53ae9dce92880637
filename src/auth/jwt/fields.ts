/** Takes values of the wanted type out of JSON, as Go does: what is left out or null is empty, what is of another type a mistake. */

/** A JWT that can't be taken; the message is nats-server's text. */
export class JwtError extends Error {
  override readonly name = 'JwtError'
}

type JsonObject = Readonly<Record<string, unknown>>

export class Fields {
  private readonly values: JsonObject
  private readonly where: string

  /** @throws JwtError for anything that is no object */
  constructor(value: unknown, where: string) {
    if (!isObject(value)) throw wrongType(value, where)
    this.values = value
    this.where = where
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  text(name: string): string {
    const value = this.get(name) ?? ''
    return typeof value === 'string' ? value : this.fail(name, value)
  }

  flag(name: string): boolean {
    const value = this.get(name) ?? false
    return typeof value === 'boolean' ? value : this.fail(name, value)
  }

  /** A whole number; `otherwise`: what is left out. */
  integer(name: string, otherwise = 0): number {
    const value = this.get(name) ?? otherwise
    return typeof value === 'number' && Number.isInteger(value) ? value : this.fail(name, value)
  }

  texts(name: string): readonly string[] {
    return this.list(name, (value) => (typeof value === 'string' ? value : this.fail(name, value)))
  }

  list<Item>(name: string, read: (value: unknown) => Item): Item[] {
    const value = this.get(name) ?? []
    return Array.isArray(value) ? value.map(read) : this.fail(name, value)
  }

  /** An object within; an empty one when it is left out. */
  fields(name: string): Fields {
    return new Fields(this.get(name) ?? {}, `${this.where}.${name}`)
  }

  /** By key. */
  map<Item>(name: string, read: (value: unknown) => Item): Map<string, Item> {
    const value = this.get(name) ?? {}
    if (!isObject(value)) return this.fail(name, value)
    return new Map(Object.entries(value).map(([key, each]) => [key, read(each)]))
  }

  integers(name: string): ReadonlyMap<string, number> {
    return this.map(name, (value) =>
      typeof value === 'number' && Number.isInteger(value) ? value : this.fail(name, value),
    )
  }

  private get(name: string): unknown {
    return Object.hasOwn(this.values, name) ? (this.values[name] ?? undefined) : undefined
  }

  private fail(name: string, value: unknown): never {
    throw wrongType(value, `${this.where}.${name}`)
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function wrongType(value: unknown, where: string): JwtError {
  const type = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
  return new JwtError(`json: cannot unmarshal ${type} into field ${where}`)
}
