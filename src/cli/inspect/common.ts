/** What the commands that look into a server have in common: where it is, how a table looks, what a terminal is spared. */
import { existsSync } from 'node:fs'
import { JetStreamApiError } from '@nats-io/jetstream'
import { durationMs } from '../../app/index.ts'
import { CommandFailure, UsageFailure } from '../failure.ts'
import { openPlace, type Place } from '../transfer/place.ts'

/** Options of all of them. */
export const placeOptions = {
  from: { type: 'string' },
  creds: { type: 'string' },
  json: { type: 'boolean' },
} as const

export const PLACE_HELP = `  --from PLACE    a URL, or the folder of a store that no process has open. Default: CONTRAIL_URL or NATS_URL of the
                  environment, else ./.contrail
  --creds FILE    credentials; user and password may be in the URL`

const DEFAULT_FOLDER = '.contrail'

/** Does something with the server, and says in a sentence what it answers to what is wrong. */
export async function atPlace(
  values: { from?: string; creds?: string },
  act: (place: Place) => Promise<void>,
): Promise<void> {
  const from = values.from ?? process.env.CONTRAIL_URL ?? process.env.NATS_URL ?? DEFAULT_FOLDER
  if (from === DEFAULT_FOLDER && !existsSync(from)) {
    throw new UsageFailure('Where? --from nats://localhost:4222, or --from FOLDER of a store.')
  }
  const place = await openPlace(from, { credentials: values.creds })
  try {
    await act(place)
  } catch (thrown) {
    for (let error = thrown; error instanceof Error; error = error.cause) {
      if (error instanceof JetStreamApiError) throw new CommandFailure(`${error.message} (${error.code}).`)
    }
    throw thrown
  } finally {
    await place.close()
  }
}

/** The verb of a command, `list` where none is said. @throws UsageFailure */
export function verbOf(word: string | undefined, known: readonly string[]): string {
  const verb = word ?? known[0]
  if (known.includes(verb)) return verb
  throw new UsageFailure(`${JSON.stringify(verb)} is none of ${known.join(', ')}.`)
}

/** @throws UsageFailure when it was not said */
export function needed(value: string | undefined, what: string): string {
  if (value !== undefined && value !== '') return value
  throw new UsageFailure(`${what} is missing.`)
}

/** What can't be taken back is done only when that was said. @throws UsageFailure */
export function mustBeSure(yes: boolean | undefined, what: string): void {
  if (yes !== true) throw new UsageFailure(`${what} can't be taken back: say --yes.`)
}

/** Columns of text, the first line their names. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padEnd(widths[i])).join('  ')
  return printable(rows.map((row) => line(row).trimEnd()).join('\n'))
}

/** Messages are anybody's: a terminal is not to do what they say. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd')
}

/** JSON as people read it, a line each where it is for programs. */
export function printJson(value: unknown, isForPrograms: boolean | undefined): void {
  console.log(isForPrograms ? JSON.stringify(value) : printable(JSON.stringify(value, null, 2)))
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let at = 0
  let size = bytes
  for (; size >= 1024 && at < units.length - 1; at++) size /= 1024
  return `${at === 0 ? size : size.toFixed(1)} ${units[at]}`
}

const DURATIONS = /(^|_)(age|wait|window|threshold|ttl|delay|expires|heartbeat)$/
const NS_PER_MS = 1_000_000

/** `field=value` words as fields of the API: JSON where it is some, durations ('7d') in nanoseconds, else text. */
export function fieldsOf(words: readonly string[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  for (const word of words) {
    const at = word.indexOf('=')
    if (at < 1) throw new UsageFailure(`${JSON.stringify(word)} is no FIELD=VALUE.`)
    const field = word.slice(0, at)
    const value = word.slice(at + 1)
    if (DURATIONS.test(field) && /[a-z]$/.test(value)) {
      fields[field] = Math.round(duration(field, value) * NS_PER_MS)
      continue
    }
    try {
      fields[field] = JSON.parse(value)
    } catch {
      fields[field] = value
    }
  }
  return fields
}

/** Milliseconds. @throws UsageFailure */
export function duration(name: string, text: string): number {
  try {
    return durationMs(text as never, name)
  } catch (thrown) {
    throw new UsageFailure((thrown as Error).message)
  }
}

export function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UsageFailure(`${name}: ${JSON.stringify(text)} is no whole number.`)
  return Number(text)
}
