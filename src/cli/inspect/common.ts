/** What the commands that look into a server have in common: where it is, how a table looks, what a terminal is spared. */
import { existsSync } from 'node:fs'
import { JetStreamApiError } from '@nats-io/jetstream'
import { durationMs } from '../../app/index.ts'
import { nearestWord } from '../../app/nearest.ts'
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

/** What a command is about: for what it says when that is not there. */
interface Named {
  stream?: string
  consumer?: string
}

/** Does something with the server, and says in a sentence what it answers to what is wrong. */
export async function atPlace(
  values: { from?: string; creds?: string },
  act: (place: Place) => Promise<void>,
  named: Named = {},
): Promise<void> {
  const from = values.from ?? process.env.CONTRAIL_URL ?? process.env.NATS_URL ?? DEFAULT_FOLDER
  if (from === DEFAULT_FOLDER && !existsSync(from)) {
    throw new UsageFailure(
      'Where? There is no folder .contrail here, and no CONTRAIL_URL: say --from nats://localhost:4222 (of an app: new App({ port: 4222 })), or --from FOLDER of a store.',
    )
  }
  const place = await openPlace(from, { credentials: values.creds })
  try {
    await act(place)
  } catch (thrown) {
    for (let error = thrown; error instanceof Error; error = error.cause) {
      if (error instanceof JetStreamApiError) throw new CommandFailure(await answerOf(error, place, named))
    }
    throw thrown
  } finally {
    await place.close()
  }
}

/** `err_code`s of the API. */
export const STREAM_NOT_FOUND = 10059
const CONSUMER_NOT_FOUND = 10014

/** What the server says, and where something is not there what is. */
async function answerOf(
  error: JetStreamApiError,
  { jsm }: Place,
  { stream, consumer }: Named,
): Promise<string> {
  if (error.code === STREAM_NOT_FOUND && stream !== undefined) {
    const names: string[] = []
    for await (const name of jsm.streams.names()) names.push(name)
    return notThere(`stream "${stream}"`, stream, names)
  }
  if (error.code === CONSUMER_NOT_FOUND && stream !== undefined && consumer !== undefined) {
    const names: string[] = []
    for await (const { name } of jsm.consumers.list(stream)) names.push(name)
    return notThere(`consumer "${consumer}" of the stream "${stream}"`, consumer, names)
  }
  return `${error.message} (${error.code}).`
}

const MOST_NAMES = 20

/** That something is not there, and what is. */
export function notThere(what: string, name: string, known: readonly string[]): string {
  const nearest = nearestWord(name, known)
  if (nearest !== undefined) return `There is no ${what}. Did you mean "${nearest}"?`
  if (known.length === 0) return `There is no ${what}, nor any other.`
  const more = known.length > MOST_NAMES ? ` and ${known.length - MOST_NAMES} more` : ''
  return printable(`There is no ${what}. There is: ${known.slice(0, MOST_NAMES).join(', ')}${more}.`)
}

/** The verb of a command, `list` where none is said. @throws UsageFailure */
export function verbOf(word: string | undefined, known: readonly string[]): string {
  const verb = word ?? known[0]
  if (known.includes(verb)) return verb
  const nearest = nearestWord(verb, known)
  const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`
  throw new UsageFailure(`${JSON.stringify(verb)} is none of ${known.join(', ')}.${hint}`)
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

/**
 * `field=value` words as fields of the API: JSON where it is some, durations ('7d') in nanoseconds, else text.
 * @param known fields that there are
 * @throws UsageFailure, of no word too
 */
export function fieldsOf(words: readonly string[], known: readonly string[]): Record<string, unknown> {
  if (words.length === 0) throw new UsageFailure('FIELD=VALUE is missing.')
  const fields: Record<string, unknown> = {}
  for (const word of words) {
    const at = word.indexOf('=')
    if (at < 1) throw new UsageFailure(`${JSON.stringify(word)} is no FIELD=VALUE.`)
    const field = word.slice(0, at)
    const value = word.slice(at + 1)
    if (!known.includes(field)) {
      const nearest = nearestWord(field, known)
      const hint = nearest === undefined ? `There is: ${known.join(', ')}.` : `Did you mean "${nearest}"?`
      throw new UsageFailure(`There is no field ${JSON.stringify(field)}. ${hint}`)
    }
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

/** `3 messages`, `1 message`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
