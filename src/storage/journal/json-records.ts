/** Records of the journal whose payload is JSON: what is cold. */
import { PADDING, PADDING_BYTES } from '../format/journal-format.ts'
import type { Journal } from './journal.ts'

export type Json = { [key: string]: unknown }

/** Appends a record whose payload is JSON. */
export function appendJson(
  journal: Journal,
  type: number,
  logId: number,
  value: unknown,
  isUrgent = true,
): void {
  const bytes = Buffer.from(JSON.stringify(value), 'utf8')
  const at = journal.begin(type, logId, bytes.length)
  bytes.copy(journal.buffer, at)
  journal.end(isUrgent)
}

/** The same, twice and apart: for what all that follows depends on, so that a sector that goes bad does not take it. */
export function appendTwice(journal: Journal, type: number, logId: number, value: unknown): void {
  appendJson(journal, type, logId, value, false)
  const at = journal.begin(PADDING, logId, PADDING_BYTES)
  journal.buffer.fill(0, at, at + PADDING_BYTES)
  journal.end(false)
  appendJson(journal, type, logId, value)
}
