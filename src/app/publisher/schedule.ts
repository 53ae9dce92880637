/** Messages that are published later, or again and again, by the server (ADR-51). */
import { headers, nuid } from '@nats-io/nats-core'
import { ContrailError } from '../errors.ts'
import { checkOptions, duration, type Field, text, time } from '../options.ts'
import { type Duration, toMs } from '../units.ts'
import type { BrokerPublisher } from './broker-publisher.ts'
import { headersOf } from './headers.ts'
import type { PublishOptions } from './options.ts'

/**
 * When: at a time, after a while, every so often (at least a second), or as a crontab says: five fields, six with
 * seconds in front, or '@hourly', '@daily', '@weekly', '@monthly', '@yearly'. `timeZone` is a name of the IANA table,
 * default UTC. A time that has gone by is now.
 */
export type When =
  | { readonly at: Date | string }
  | { readonly after: Duration }
  | { readonly every: Duration }
  | { readonly cron: string; readonly timeZone?: string }

export interface ScheduleOptions extends Pick<PublishOptions, 'headers' | 'codec' | 'timeout'> {
  /** Name of the schedule: one of the same name takes its place. Default: a unique one. */
  id?: string
  /** What it publishes is removed after so long; the stream needs `allowTtl`. */
  ttl?: Duration
  /** Publishes what this subject holds last, instead of the data. */
  source?: string
}

/** A schedule that the server has taken. */
export interface Schedule {
  readonly id: string
  /** Where it is stored; removing the message there ends it. */
  readonly subject: string
  /** Its sequence in the stream. */
  readonly seq: number
}

const WHEN: Record<string, Field> = { at: time, after: duration, every: duration, cron: text, timeZone: text }
const KINDS = ['at', 'after', 'every', 'cron']

const MIN_INTERVAL_MS = 1000
const NAME = /^[^\s.*>]+$/

/** Where a stream keeps its schedules; consumers of its other subjects don't see them. */
export function scheduleSubjects(stream: string): string {
  return `schedules.${stream}.>`
}

export function scheduleSubject(stream: string, id: string): string {
  if (!NAME.test(id)) {
    throw new ContrailError(
      'INVALID_OPTION',
      `id: "${id}" can't name a schedule (no dots, spaces, wildcards).`,
    )
  }
  return `schedules.${stream}.${id}`
}

/** The header `Nats-Schedule`, and `Nats-Schedule-Time-Zone` where it is said. @throws ContrailError INVALID_OPTION */
export function scheduleHeaders(when: When): { schedule: string; timeZone: string | undefined } {
  checkOptions('the time of a schedule', when, WHEN)
  const kinds = KINDS.filter((kind) => (when as Record<string, unknown>)[kind] !== undefined)
  if (kinds.length !== 1) {
    throw new ContrailError(
      'INVALID_OPTION',
      `A time of a schedule has one of at, after, every and cron, not ${kinds.length}.`,
    )
  }
  if ('cron' in when) {
    const fields = when.cron.trim().split(/\s+/)
    if (fields.length !== 5 && fields.length !== 6 && !(fields.length === 1 && fields[0].startsWith('@'))) {
      throw new ContrailError(
        'INVALID_OPTION',
        `cron: "${when.cron}" has ${fields.length} fields; a crontab has five, or six with seconds in front.`,
      )
    }
    const schedule = fields.length === 5 ? `0 ${fields.join(' ')}` : fields.join(' ')
    if (when.timeZone !== undefined && !isTimeZone(when.timeZone)) {
      throw new ContrailError('INVALID_OPTION', `timeZone: "${when.timeZone}" is no name of the IANA table.`)
    }
    return { schedule, timeZone: when.timeZone }
  }
  if ('every' in when) {
    const ms = toMs(when.every, 'every')
    if (ms < MIN_INTERVAL_MS)
      throw new ContrailError('INVALID_OPTION', `every: ${when.every} is less than a second.`)
    return { schedule: `@every ${ms}ms`, timeZone: undefined }
  }
  const time =
    'after' in when
      ? new Date(Date.now() + toMs(when.after, 'after'))
      : when.at instanceof Date
        ? when.at
        : new Date(when.at)
  if (Number.isNaN(time.getTime())) {
    throw new ContrailError(
      'INVALID_OPTION',
      `at: ${JSON.stringify((when as { at: unknown }).at)} is no time.`,
    )
  }
  return { schedule: `@at ${time.toISOString()}`, timeZone: undefined }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/** Resolves when the server has taken the schedule. Errors: those of publishing to a stream. */
export async function schedule(
  broker: BrokerPublisher,
  stream: string,
  target: string,
  data: unknown,
  when: When,
  options: ScheduleOptions = {},
): Promise<Schedule> {
  const id = options.id ?? nuid.next()
  const subject = scheduleSubject(stream, id)
  const { schedule: text, timeZone } = scheduleHeaders(when)
  const all = headersOf({ headers: options.headers }) ?? headers()
  all.set('Nats-Schedule', text)
  all.set('Nats-Schedule-Target', target)
  if (timeZone !== undefined) all.set('Nats-Schedule-Time-Zone', timeZone)
  if (options.source !== undefined) all.set('Nats-Schedule-Source', options.source)
  if (options.ttl !== undefined)
    all.set('Nats-Schedule-TTL', `${Math.ceil(toMs(options.ttl, 'ttl') / 1000)}s`)
  const { seq } = await readable(
    text,
    broker.publishToStream(subject, data, { headers: all, codec: options.codec, timeout: options.timeout }),
  )
  return { id, subject, seq }
}

const PATTERN_INVALID = 10189

/** Fields of a crontab are read by the server: what it can't read is told as the option that it is. */
export async function readable<T>(text: string, published: Promise<T>): Promise<T> {
  try {
    return await published
  } catch (cause) {
    if (!(cause instanceof ContrailError) || cause.errorCode !== PATTERN_INVALID) throw cause
    const sentence = `cron: "${text}" is no crontab that the server can read (${PATTERN_INVALID}): a field is out of its range, or no number.`
    throw new ContrailError('INVALID_OPTION', sentence, { cause, errorCode: PATTERN_INVALID })
  }
}
