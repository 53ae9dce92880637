/** The messages of a queue's jobs: where they go, and which of an id there are. */
import type { StoredMsg } from '@nats-io/jetstream'
import { isApiError, translated, WRONG_LAST_SEQUENCE } from '../client-errors.ts'
import { ContrailError } from '../errors.ts'
import type { PublishOptions } from '../publisher/options.ts'
import { scheduleHeaders } from '../publisher/schedule.ts'
import type { Runtime } from '../runtime.ts'
import { type Duration, toMs } from '../units.ts'
import { DELAYED, JOB_HEADERS, type QueueNames } from './names.ts'
import { type AddOptions, partitionOf, type QueueSettings } from './options.ts'
import type { Outcome } from './outcomes.ts'

const NO_MESSAGE_FOUND = 10037
/** A unique job that was there may be through when it is looked up: then it is added after all. */
const MOST_ROUNDS = 50
const ROUND_MS = 20

export class JobMessages {
  readonly #names: QueueNames
  readonly #settings: QueueSettings
  readonly #runtime: () => Runtime

  constructor(names: QueueNames, settings: QueueSettings, runtime: () => Runtime) {
    this.#names = names
    this.#settings = settings
    this.#runtime = runtime
  }

  /** Where a job goes, and its headers. */
  address(
    id: string,
    data: unknown,
    options: AddOptions,
  ): { subject: string; headers: Record<string, string> } {
    const lane = this.#laneOf(data, options)
    const headers: Record<string, string> = { ...options.headers }
    if (options.attempts !== undefined) headers[JOB_HEADERS.attempts] = String(options.attempts)
    const target = this.#names.subject(lane, id)
    const isDelayed =
      options.at !== undefined || (options.delay !== undefined && toMs(options.delay, 'delay') > 0)
    if (!isDelayed) return { subject: target, headers }
    const { schedule } = scheduleHeaders(
      options.at === undefined ? { after: options.delay as Duration } : { at: options.at },
    )
    headers['Nats-Schedule'] = schedule
    headers['Nats-Schedule-Target'] = target
    return { subject: this.#names.subject(DELAYED, id), headers }
  }

  #laneOf(data: unknown, { priority }: AddOptions): string {
    const { isOrdered, options, lanes } = this.#settings
    if (isOrdered) {
      if (priority !== undefined) {
        throw new ContrailError('INVALID_OPTION', 'priority: a queue with orderBy has none.')
      }
      return lanes[partitionOf(String(options.orderBy?.(data as never)), lanes.length)]
    }
    return priority ?? 'normal'
  }

  /** Resolves to its sequence. */
  async put(subject: string, data: unknown, options: PublishOptions): Promise<number> {
    return (await this.#runtime().publisher.publishToStream(subject, data, options)).seq
  }

  /**
   * The stream takes it only where it has none of this id, in whatever lane.
   * @param outcomeOf what is known of the id: what is through is no obstacle
   */
  async putUnlessThere(
    id: string,
    subject: string,
    data: unknown,
    options: PublishOptions,
    outcomeOf: (id: string) => Promise<Outcome | undefined>,
  ): Promise<{ seq: number; isNew: boolean }> {
    const anywhere = this.#names.subject('*', id)
    const expect = { lastSubjectSeq: 0, lastSubject: anywhere }
    for (let round = 1; ; round++) {
      try {
        return { seq: await this.put(subject, data, { ...options, expect }), isNew: true }
      } catch (thrown) {
        if (!isApiError(thrown, ...WRONG_LAST_SEQUENCE) || round === MOST_ROUNDS) throw thrown
      }
      const there = await this.last(anywhere)
      if (there === undefined) {
        // In a cluster one may be on its way that is not stored yet.
        await new Promise((resolve) => setTimeout(resolve, ROUND_MS))
        continue
      }
      if ((await outcomeOf(id))?.seq !== there.seq) return { seq: there.seq, isNew: false }
      // It is through, but its ack is still on its way.
      await this.purge(id, there.seq + 1)
    }
  }

  /** The last message of a subject, which may have wildcards. */
  last(subject: string): Promise<StoredMsg | undefined> {
    const { streams } = this.#runtime().jsm
    return translated(`The queue "${this.#names.queue}" can't be read`, () =>
      streams.getMessage(this.#names.stream, { last_by_subj: subject }).then(
        (stored) => stored ?? undefined,
        (thrown) => {
          if (isApiError(thrown, NO_MESSAGE_FOUND)) return undefined
          throw thrown
        },
      ),
    )
  }

  /** Removes what is there of an id, added before `seq`. */
  async purge(id: string, seq: number): Promise<number> {
    const { streams } = this.#runtime().jsm
    const filter = this.#names.subject('*', id)
    const done = await translated(
      `The job "${id}" of the queue "${this.#names.queue}" can't be removed`,
      () => streams.purge(this.#names.stream, { filter, seq }),
    )
    return done.purged
  }
}
