/** JSON Schema as a TypeScript type. */

type Json = { readonly [key: string]: unknown }

const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]*$/
const PLAIN: Readonly<Record<string, string>> = {
  string: 'string',
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  null: 'null',
}

export class TypeWriter {
  readonly #document: Json

  /** @param document what `$ref` points into */
  constructor(document: Json) {
    this.#document = document
  }

  /** What is not understood, or refers to itself, is unknown. */
  typeOf(schema: unknown, indent = '', within: readonly string[] = []): string {
    if (schema === true || typeof schema !== 'object' || schema === null) return 'unknown'
    const all = schema as Json
    const again = (inner: unknown, deeper = indent) => this.typeOf(inner, deeper, within)
    if (typeof all.$ref === 'string') {
      if (within.includes(all.$ref)) return 'unknown'
      return this.typeOf(this.resolve(all.$ref), indent, [...within, all.$ref])
    }
    if ('const' in all) return JSON.stringify(all.const)
    if (Array.isArray(all.enum)) return union(all.enum.map((one) => JSON.stringify(one)))
    for (const key of ['anyOf', 'oneOf']) {
      const some = all[key]
      if (Array.isArray(some)) return union(some.map((one) => again(one)))
    }
    if (Array.isArray(all.allOf)) return all.allOf.map((one) => wrapped(again(one))).join(' & ') || 'unknown'
    if (Array.isArray(all.type)) return union(all.type.map((type) => again({ ...all, type })))
    if (all.type === 'array') {
      if (Array.isArray(all.prefixItems)) return `[${all.prefixItems.map((one) => again(one)).join(', ')}]`
      return `${wrapped(again(all.items))}[]`
    }
    if (all.type === 'object' || typeof all.properties === 'object') return this.#object(all, indent, within)
    return typeof all.type === 'string' && Object.hasOwn(PLAIN, all.type) ? PLAIN[all.type] : 'unknown'
  }

  /** What a JSON pointer of the document names; undefined: nothing. */
  resolve(ref: string): unknown {
    if (!ref.startsWith('#/')) return undefined
    let at: unknown = this.#document
    for (const step of ref.slice(2).split('/')) {
      const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
      at = (at as Json)[name]
    }
    return at
  }

  #object(all: Json, indent: string, within: readonly string[]): string {
    const properties = Object.entries((all.properties ?? {}) as Json)
    const required = new Set(Array.isArray(all.required) ? all.required : [])
    const { additionalProperties: rest } = all
    const restType = typeof rest === 'object' ? this.typeOf(rest, indent, within) : 'unknown'
    if (properties.length === 0) return `Record<string, ${restType}>`
    const deeper = `${indent}  `
    const lines = properties.map(([name, schema]) => {
      const key = IDENTIFIER.test(name) ? name : JSON.stringify(name)
      const type = this.typeOf(schema, deeper, within)
      return `${deeper}${key}${required.has(name) ? '' : '?'}: ${type}`
    })
    return `{\n${lines.join('\n')}\n${indent}}`
  }
}

function union(types: readonly string[]): string {
  const different = [...new Set(types)]
  return different.includes('unknown') || different.length === 0 ? 'unknown' : different.join(' | ')
}

function wrapped(type: string): string {
  return /[|&]/.test(type) && !type.startsWith('{') ? `(${type})` : type
}
