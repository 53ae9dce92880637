/** What a configuration says, in a hash that its comments and its order don't change: the one nats-server shows. */
import { createHash } from 'node:crypto'
import { ConfigMap, type ConfigValue } from './value.ts'

/** `sha256:` and the hash of the configuration as JSON with its keys in order. */
export function configDigest(map: ConfigMap): string {
  return `sha256:${createHash('sha256')
    .update(`${mapJson(map)}\n`)
    .digest('hex')}`
}

function mapJson(map: ConfigMap): string {
  const keys = [...map.entries.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const parts = keys.map((key) => `${textJson(key)}:${valueJson(map.entries.get(key)?.value as ConfigValue)}`)
  return `{${parts.join(',')}}`
}

function valueJson(value: ConfigValue): string {
  const { data } = value
  if (data instanceof ConfigMap) return mapJson(data)
  if (Array.isArray(data)) return `[${data.map(valueJson).join(',')}]`
  if (data instanceof Date) return textJson(data.toISOString().replace('.000Z', 'Z'))
  if (typeof data === 'string') return textJson(data)
  return typeof data === 'number' && !value.isFloat ? BigInt(data).toString() : String(data)
}

/** JSON text as Go writes it. */
function textJson(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
