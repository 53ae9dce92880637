/** Query parameters, read as nats-server reads them. */

/** The request is answered with 400 and this sentence. */
export class BadQuery extends Error {
  override readonly name = 'BadQuery'
}

const booleans: Record<string, boolean> = {
  '1': true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  '0': false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
}

export class Query {
  private readonly parameters: URLSearchParams

  constructor(parameters: URLSearchParams) {
    this.parameters = parameters
  }

  text(name: string): string {
    return this.parameters.get(name) ?? ''
  }

  boolean(name: string): boolean {
    const text = this.text(name)
    if (text === '') return false
    const value = booleans[text]
    if (value !== undefined) return value
    const why = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`
    throw new BadQuery(`Error decoding boolean for '${name}': ${why}`)
  }

  integer(name: string, kind: 'int' | 'uint64' = 'int'): number {
    const text = this.text(name)
    if (text === '') return 0
    const pattern = kind === 'int' ? /^[+-]?\d+$/ : /^\d+$/
    if (pattern.test(text)) return Number(text)
    const parser = kind === 'int' ? 'Atoi' : 'ParseUint'
    const why = `strconv.${parser}: parsing ${JSON.stringify(text)}: invalid syntax`
    throw new BadQuery(`Error decoding ${kind} for '${name}': ${why}`)
  }
}
