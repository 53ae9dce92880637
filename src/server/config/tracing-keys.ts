/** `msg_trace` of an account, and `latency` of what it exports. */
import { isLiteralSubject } from '../../subjects/index.ts'
import type { AccountOptions, ExportOptions } from '../security-options.ts'
import type { KeyTable, Reader } from './reader.ts'
import { type ConfigEntry, ConfigMap, show, typeName } from './value.ts'

const EVERY = 100

/** A subject, or a block of `dest` and `sampling`. Undefined: there is no destination, so sampling means nothing. */
export function messageTrace(entry: ConfigEntry, reader: Reader): AccountOptions['messageTrace'] {
  const { key, value } = entry
  const { data } = value
  if (typeof data === 'string') return { destination: destination(entry, reader) }
  if (!(data instanceof ConfigMap))
    return reader.fail(
      `Expected account message trace "${key}" to be a string or a map/struct, got ${typeName(value)}`,
    )
  const found = { destination: '', sampling: 0 }
  const unknown = (field: string): string =>
    `Unknown field "${field}" parsing account message trace map/struct "${key}"`
  reader.each(data, found, traceKeys, {}, false, unknown)
  if (found.destination !== '') return { ...found, sampling: found.sampling || EVERY }
  if (found.sampling > 0)
    reader.warnings.push(
      `${show(entry.place)}: Trace destination sampling ignored since no destination was set`,
    )
  return undefined
}

const traceKeys: KeyTable<{ destination: string; sampling: number }> = {
  dest: (target, entry, reader) => {
    target.destination = destination(entry, reader)
  },
  sampling: (target, entry, reader) => {
    target.sampling = traceSampling(entry, reader)
  },
}

function destination(entry: ConfigEntry, reader: Reader): string {
  const { data } = entry.value
  if (typeof data !== 'string')
    return reader.fail(`Field "${entry.key}" should be a string, got ${typeName(entry.value)}`)
  return isLiteralSubject(data) ? data : reader.fail(`Trace destination "${data}" is not valid`)
}

function traceSampling({ key, value }: ConfigEntry, reader: Reader): number {
  const { data } = value
  if (typeof data !== 'string' && (typeof data !== 'number' || value.isFloat))
    return reader.fail(
      `Trace destination sampling field "${key}" should be an integer or a percentage, got ${typeName(value)}`,
    )
  const sampling = percentage(data)
  if (sampling === null) return reader.fail(`Invalid trace destination sampling value "${data}"`)
  return isShare(sampling)
    ? sampling
    : reader.fail(
        // So it is spelt there.
        `Ttrace destination sampling value ${sampling} is invalid, needs to be [1..100]`,
      )
}

/** The subject, or a block of `subject` and `sampling`. */
export function latency(entry: ConfigEntry, reader: Reader): ExportOptions['latency'] {
  const { data } = entry.value
  if (typeof data === 'string') return { subject: data }
  if (!(data instanceof ConfigMap))
    return reader.fail(`Expected latency entry to be a map/struct or string, got ${typeName(entry.value)}`)
  const entries = [...data.entries.values()]
  const sampling = entries.find(({ key }) => key === 'sampling')
  const subject = entries.find(({ key }) => key === 'subject')
  const share = sampling === undefined ? EVERY : latencySampling(sampling, reader)
  if (subject === undefined) return reader.fail('Latency subject required, but missing')
  if (typeof subject.value.data !== 'string')
    return reader.fail('Expected latency subject to be a string, got string', subject.place)
  return { subject: subject.value.data, sampling: share }
}

function latencySampling({ value, place }: ConfigEntry, reader: Reader): number | 'headers' {
  const { data } = value
  if (typeof data !== 'string' && (typeof data !== 'number' || value.isFloat))
    return reader.fail(`Expected latency sample to be a string or map/struct, got ${typeName(value)}`, place)
  if (typeof data === 'string' && data.trim().toLowerCase() === 'headers') return 'headers'
  const sampling = percentage(data)
  if (sampling === null)
    return reader.fail(
      `Failed to parse latency sample: strconv.Atoi: parsing "${`${data}`.replace(/%$/, '')}": invalid syntax`,
      place,
    )
  return isShare(sampling) ? sampling : reader.fail('bad sampling percentage, should be 1-100', place)
}

/** `50` or `50%`; null: it is neither. */
function percentage(given: number | string): number | null {
  if (typeof given === 'number') return given
  const digits = given.replace(/%$/, '')
  return /^[+-]?\d+$/.test(digits) ? Number(digits) : null
}

function isShare(sampling: number): boolean {
  return sampling >= 1 && sampling <= EVERY
}
