/** Changes of a key-value bucket as typed events (ADR-8, ADR-48). */
import type { StreamMessage } from '../message.ts'
import { SubjectPattern } from '../subject-pattern.ts'

interface Change<Params> {
  readonly key: string
  readonly revision: number
  readonly time: Date
  /** What stands for the names in the key that is watched. */
  readonly params: Params
}

/** A value was put, or a key deleted or purged (by somebody, or because its time was over). */
export type KeyValueEvent<T, Params extends object = object> =
  | (Change<Params> & { readonly operation: 'put'; readonly value: T })
  | (Change<Params> & { readonly operation: 'delete' | 'purge'; readonly value?: undefined })

const OPERATION = 'KV-Operation'
const MARKER_REASON = 'Nats-Marker-Reason'

export function keyPrefix(bucket: string): string {
  return `$KV.${bucket}.`
}

/** Keys that are watched, as subjects of the bucket's stream. @throws ContrailError INVALID_SUBJECT */
export function keyPatterns(bucket: string, keys: string | readonly string[]): SubjectPattern[] {
  return (typeof keys === 'string' ? [keys] : keys).map((key) => new SubjectPattern(keyPrefix(bucket) + key))
}

/** What a message of the bucket's stream says. */
export function operationOf(message: StreamMessage): KeyValueEvent<never>['operation'] {
  switch (message.header(OPERATION)) {
    case 'DEL':
      return 'delete'
    case 'PURGE':
      return 'purge'
    default:
  }
  // Markers that the server leaves where limits or requests removed the last message of a key.
  switch (message.header(MARKER_REASON)) {
    case undefined:
      return 'put'
    case 'Remove':
      return 'delete'
    default:
      return 'purge'
  }
}
