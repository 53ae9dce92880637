/**
 * The wire form of a queue, for whoever speaks NATS: docs/framework/jobs.md has it on a page.
 * A job is a message on `contrail.jobs.<queue>.<lane>.<id>`; each lane has a consumer of its name.
 */
import { ContrailError } from '../errors.ts'

/** Jobs of a higher lane begin before those of a lower one. */
export const PRIORITIES = ['high', 'normal', 'low'] as const
export type Priority = (typeof PRIORITIES)[number]

/** Where jobs wait for their time: schedules that the server publishes to a lane. */
export const DELAYED = 'delayed'
export const REPEATED = 'repeat'

/** Headers of a job. */
export const JOB_HEADERS = {
  /** Tries in all, where the queue's are not to count. */
  attempts: 'Contrail-Job-Attempts',
} as const

const NAME = /^[A-Za-z0-9_-]+$/

export class QueueNames {
  readonly queue: string
  /** The stream of the jobs. */
  readonly stream: string
  readonly subjects: string
  /** The bucket of results and progress. */
  readonly bucket: string

  /** @throws ContrailError INVALID_OPTION */
  constructor(queue: string) {
    if (!NAME.test(queue)) {
      throw new ContrailError('INVALID_OPTION', `"${queue}" can't name a queue (letters, digits, - and _).`)
    }
    this.queue = queue
    this.stream = `CONTRAIL_JOBS_${queue}`
    this.subjects = `contrail.jobs.${queue}.*.*`
    this.bucket = `contrail_jobs_${queue}`
  }

  /** Where jobs of a lane are; '*' for any. */
  subject(lane: string, id: string): string {
    return `contrail.jobs.${this.queue}.${lane}.${id}`
  }

  /** Where the outcome of a job is. */
  outcomeSubject(id: string): string {
    return `$KV.${this.bucket}.${id}`
  }

  progressSubject(id: string): string {
    return `$KV.${this.bucket}.${id}.progress`
  }

  /** Lane and id of a job's message. */
  of(subject: string): { lane: string; id: string } {
    const [, , , lane = '', id = ''] = subject.split('.')
    return { lane, id }
  }
}

/** Any text as a token of subjects and a key of buckets: what is not a letter, digit, - or _ is written as =XX. */
export function tokenOf(text: string): string {
  if (NAME.test(text)) return text
  let token = ''
  for (const byte of new TextEncoder().encode(text)) {
    const character = String.fromCharCode(byte)
    token += NAME.test(character) ? character : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return token
}

const TOKEN = /^(?:[A-Za-z0-9_-]|=[0-9A-F]{2})+$/

/** An id as jobs have it, of an id or of a unique key. */
export function idOf(text: string): string {
  return TOKEN.test(text) ? text : tokenOf(text)
}
