/** `mappings { subject: destination, … }`, of an account and of the global one. */
import { isValidSubject } from '../../subjects/index.ts'
import { mappingsOf } from '../account-settings.ts'
import type { MappingOptions, MappingsOptions } from '../security-options.ts'
import type { KeyTable, Reader } from './reader.ts'
import { type ConfigEntry, ConfigMap, type ConfigValue } from './value.ts'

export function mappings(entry: ConfigEntry, reader: Reader): MappingsOptions {
  const found: Record<string, string | MappingOptions[]> = Object.create(null)
  for (const each of reader.map(entry).entries.values()) {
    if (!isValidSubject(each.key)) reader.fail(`Subject ${JSON.stringify(each.key)} is not a valid subject`)
    reader.at(each, () => {
      const { data } = each.value
      const mistakes = reader.errors.length
      if (typeof data === 'string') found[each.key] = data
      else {
        const values: readonly ConfigValue[] = Array.isArray(data) ? data : [each.value]
        const destinations = values.flatMap((value) => destination(value, reader) ?? [])
        // Of clusters only: here the subject stays as it is.
        if (destinations.length === 0 && values.length > 0) return
        found[each.key] = destinations
      }
      if (reader.errors.length > mistakes) return
      try {
        mappingsOf({ [each.key]: found[each.key] })
      } catch (error) {
        reader.fail((error as Error).message)
      }
    })
  }
  return found
}

interface Found {
  destination: string
  cluster?: string
  weight?: number
}

function destination({ data }: ConfigValue, reader: Reader): MappingOptions | null {
  if (!(data instanceof ConfigMap)) return reader.fail('Expected an entry for the mapping destination')
  const found: Found = { destination: '' }
  const mistakes = reader.errors.length
  reader.each(
    data,
    found,
    destinationKeys,
    {},
    false,
    (key: string) => `Unknown field "${key}" for mapping destination`,
  )
  if (reader.errors.length > mistakes) return null
  const { weight } = found
  if (weight === undefined) {
    return reader.fail(`Missing weight for mapping destination "${found.destination}"`)
  }
  // It counts on the servers of that cluster.
  if (found.cluster !== undefined) return null
  return { destination: found.destination, weight }
}

type Key = KeyTable<Found>[string]

const destinationKeys: KeyTable<Found> = {
  dest,
  destination: dest,
  weight: (target, entry, reader) => {
    const { data } = entry.value
    const text = typeof data === 'string' ? data.replace(/%$/, '') : `${data}`
    const weight = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
    if (Number.isNaN(weight)) reader.fail(`Invalid weight "${text}" for mapping destination`)
    if (weight > 100 || weight < 0) reader.fail(`Invalid weight ${weight} for mapping destination`)
    target.weight = weight
  },
  cluster: (target, entry, reader) => {
    target.cluster = reader.string(entry)
  },
}

function dest(...[target, entry, reader]: Parameters<Key>): void {
  target.destination = reader.string(entry)
}
