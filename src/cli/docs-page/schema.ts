/** A JSON Schema as a table that people read, and an example of what it takes. */
import type { JsonSchema } from './document.ts'
import { code, escaped } from './html.ts'

/** Schemas within schemas that are shown; deeper ones are named only. */
const MOST_LEVELS = 6
const EXAMPLES: Record<string, string> = {
  'date-time': '2026-01-31T12:00:00Z',
  date: '2026-01-31',
  email: 'anna@example.com',
  uri: 'https://example.com',
  uuid: '3f0f5c1e-5d3b-4d57-9d5e-0a4a1f6e7b10',
}
const LIMITS = [
  'format',
  'pattern',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'default',
]

/** What is said of a payload: its properties, an example, and the schema itself; of one that takes anything just that. */
export function schemaSection(title: string, schema: JsonSchema | undefined, contentType: string): string {
  const head = `<h4>${escaped(title)} <small>${escaped(contentType)}</small></h4>`
  if (schema === undefined || Object.keys(schema).length === 0) return `${head}<p class="any">anything</p>`
  const rows = propertyRows(schema, '', 0)
  const table =
    rows === ''
      ? `<p>${code(typeOf(schema))} ${limitsOf(schema)}</p>`
      : `<table><thead><tr><th>Name</th><th>Type</th><th></th></tr></thead><tbody>${rows}</tbody></table>`
  const example = escaped(JSON.stringify(exampleOf(schema, schema, 0), null, 2))
  const whole = escaped(JSON.stringify(schema, null, 2))
  return `${head}${table}<details open><summary>Example</summary><pre>${example}</pre></details><details><summary>JSON Schema</summary><pre>${whole}</pre></details>`
}

function propertyRows(schema: JsonSchema, path: string, level: number): string {
  if (level > MOST_LEVELS) return ''
  const { properties, required, items } = schema as {
    properties?: Record<string, JsonSchema>
    required?: readonly string[]
    items?: JsonSchema
  }
  if (properties === undefined) return isSchema(items) ? propertyRows(items, `${path}[]`, level + 1) : ''
  return Object.entries(properties)
    .map(([name, property]) => {
      const full = path === '' ? name : `${path}.${name}`
      const isOptional = !required?.includes(name)
      const about = [
        isOptional ? '<span class="optional">optional</span>' : '',
        limitsOf(property),
        typeof property.description === 'string' ? escaped(property.description) : '',
      ]
      const row = `<tr><td>${code(full)}</td><td>${code(typeOf(property))}</td><td>${about.filter(Boolean).join(' ')}</td></tr>`
      return row + propertyRows(property, full, level + 1)
    })
    .join('')
}

function typeOf(schema: JsonSchema): string {
  const { type, items, $ref } = schema
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (Array.isArray(schema.enum)) return schema.enum.map((each) => JSON.stringify(each)).join(' | ')
  const several = schema.anyOf ?? schema.oneOf
  if (Array.isArray(several)) return several.map((each) => typeOf(each as JsonSchema)).join(' | ')
  if (type === 'array') return isSchema(items) ? `${typeOf(items)}[]` : 'array'
  if (Array.isArray(type)) return type.join(' | ')
  if (typeof $ref === 'string') return $ref.slice($ref.lastIndexOf('/') + 1)
  return typeof type === 'string' ? type : 'any'
}

function limitsOf(schema: JsonSchema): string {
  const { type } = schema
  const isSaid = (name: string): boolean => {
    if (schema[name] === undefined) return false
    // How a format is checked, and what every whole number has, is nothing to read.
    if (name === 'pattern') return schema.format === undefined
    return type !== 'integer' || Math.abs(Number(schema[name])) !== Number.MAX_SAFE_INTEGER
  }
  return LIMITS.filter(isSaid)
    .map((name) => `<span class="limit">${name} ${code(String(plain(schema[name])))}</span>`)
    .join(' ')
}

function plain(value: unknown): unknown {
  return typeof value === 'object' ? JSON.stringify(value) : value
}

/** Something that such a schema takes, as far as its types go; what says an example itself gives that. */
export function exampleOf(schema: JsonSchema, root: JsonSchema, level: number): unknown {
  if (level > MOST_LEVELS) return null
  if (Array.isArray(schema.examples) && schema.examples.length > 0) return schema.examples[0]
  for (const said of ['const', 'default']) if (schema[said] !== undefined) return schema[said]
  if (Array.isArray(schema.enum)) return schema.enum[0]
  if (typeof schema.$ref === 'string') return exampleOf(referred(schema.$ref, root), root, level + 1)
  const several = schema.anyOf ?? schema.oneOf ?? schema.allOf
  if (Array.isArray(several) && several.length > 0)
    return exampleOf(several[0] as JsonSchema, root, level + 1)
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (type) {
    case 'string':
      return (
        EXAMPLES[String(schema.format)] ?? 'text'.padEnd(Math.min(Number(schema.minLength ?? 0), 64), 'x')
      )
    case 'integer':
    case 'number':
      return numberOf(schema)
    case 'boolean':
      return true
    case 'null':
      return null
    case 'array':
      return isSchema(schema.items) ? [exampleOf(schema.items, root, level + 1)] : []
    default: {
      const example: Record<string, unknown> = {}
      for (const [name, property] of Object.entries(
        (schema.properties ?? {}) as Record<string, JsonSchema>,
      )) {
        example[name] = exampleOf(property, root, level + 1)
      }
      return example
    }
  }
}

function numberOf({ minimum, exclusiveMinimum, maximum }: JsonSchema): number {
  const least = Math.max(Number(minimum ?? -Infinity), Number(exclusiveMinimum ?? -Infinity) + 1)
  if (least > 1) return least
  return Math.min(1, Number(maximum ?? 1))
}

/** What a reference within the schema leads to: `#/$defs/Name`, or the schema itself. */
function referred(reference: string, root: JsonSchema): JsonSchema {
  let at: unknown = root
  for (const part of reference.split('/').slice(1)) at = (at as JsonSchema | undefined)?.[part]
  return isSchema(at) ? at : {}
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
