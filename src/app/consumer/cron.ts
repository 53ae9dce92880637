/** A handler that runs by the clock: the schedule is in the broker, so that of all running apps one has each turn. */

import { isApiError, STREAM_NOT_FOUND, translated } from '../client-errors.ts'
import type { CodecOption } from '../codec.ts'
import type { HandlerContext } from '../context.ts'
import { ContrailError } from '../errors.ts'
import type { StreamMessage } from '../message.ts'
import { checkHandler, checkOptions, type Table } from '../options.ts'
import {
  schedule,
  scheduleHeaders,
  scheduleSubject,
  scheduleSubjects,
  type When,
} from '../publisher/schedule.ts'
import type { Claim, Declaration, Runtime } from '../runtime.ts'
import { SubjectPattern } from '../subject-pattern.ts'
import type { Owner } from '../subscription.ts'
import { CONSUME_OPTIONS, type ConsumeOptions } from './options.ts'
import { StreamConsumer } from './stream-consumer.ts'

export type CronOptions = Pick<ConsumeOptions, 'ack' | 'ackWait' | 'retry' | 'middleware'>

export const CRON_OPTIONS: Table<CronOptions> = {
  ack: CONSUME_OPTIONS.ack,
  ackWait: CONSUME_OPTIONS.ackWait,
  retry: CONSUME_OPTIONS.retry,
  middleware: CONSUME_OPTIONS.middleware,
}

/** Gets the context; `message.time` is when the turn was due. */
export type CronHandler<Deps extends object = object> = (
  context: HandlerContext<object, Deps, StreamMessage>,
) => unknown

/** The stream of all cron jobs of a broker. Of each job the last turn is kept: turns that nobody took are not heaped up. */
export const CRON_STREAM = 'CONTRAIL_CRON'
const CRON_SUBJECTS = 'contrail.cron.>'
/** Fields of a job's consumer: its name in the app, and the program that declares it. */
export const JOB = 'contrail.job'
export const PROGRAM = 'contrail.program'
const NAME = /^[A-Za-z0-9_-]+$/

export class CronJob<Deps extends object = object> implements Declaration {
  readonly stage = 'subscription'
  readonly name: string
  readonly when: When
  readonly #owner: Owner
  readonly #options: CronOptions
  readonly #handler: CronHandler<Deps>
  #consumer: StreamConsumer<Deps, object> | null = null
  #forget: () => void = () => {}

  /** @throws ContrailError INVALID_OPTION */
  constructor(name: string, when: When, options: CronOptions, handler: CronHandler<Deps>, owner: Owner) {
    if (!NAME.test(name)) {
      throw new ContrailError('INVALID_OPTION', `"${name}" can't name a job (letters, digits, - and _).`)
    }
    scheduleHeaders(when)
    checkOptions(`the job "${name}"`, options, CRON_OPTIONS)
    checkHandler(`the job "${name}"`, handler)
    this.name = name
    this.when = when
    this.#owner = owner
    this.#options = options
    this.#handler = handler
  }

  claim(): Claim {
    return { what: `the job "${this.name}"`, definition: null }
  }

  async start(runtime: Runtime): Promise<void> {
    await translated(`The stream "${CRON_STREAM}" of the jobs can't be made`, () => ensureStream(runtime))
    const id = `${runtime.app}-${this.name}`
    const target = `contrail.cron.${id}`
    const { app, program } = runtime.declarer
    const { schedule: at, timeZone } = scheduleHeaders(this.when)
    const options: ConsumeOptions<undefined, CodecOption> = {
      ...this.#options,
      durable: id,
      codec: 'bytes',
      config: {
        // Another app of the same name and with a job of the same name is found out by it.
        description: `The job "${this.name}" of the app ${app}, ${isRelative(this.when) ? 'once' : [at, timeZone].join(' ').trim()}`,
        metadata: { [JOB]: this.name, [PROGRAM]: program },
      },
    }
    const consumer = new StreamConsumer<Deps, object>(
      CRON_STREAM,
      [new SubjectPattern(target)],
      options,
      this.#owner,
    )
    consumer.handle((_data, context) => this.#handler(context))
    this.#consumer = consumer
    await consumer.start(runtime)
    await this.#ensureSchedule(runtime, id, target)
    // A server that comes back without its store has no turns for us any more.
    this.#forget = runtime.onConnection((event) => {
      if (event !== 'reconnected') return
      ensureStream(runtime)
        .then(() => this.#ensureSchedule(runtime, id, target))
        .catch((err) => runtime.log.warn({ err, job: this.name }, 'the job could not be looked after'))
    })
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.#forget()
    await this.#consumer?.stop(deadline)
    this.#consumer = null
  }

  /** No turn begins in this process until `resume`. */
  async pause(): Promise<void> {
    await this.#consumer?.pause()
  }

  async resume(): Promise<void> {
    await this.#consumer?.resume()
  }

  get held(): number {
    return this.#consumer?.held ?? 0
  }

  async isSettled(): Promise<boolean> {
    return (await this.#consumer?.isSettled()) ?? true
  }

  /** Ends the job for all apps: its schedule is removed. */
  async remove(): Promise<void> {
    const runtime = this.#owner.runtime()
    if (runtime === null) throw this.#owner.notRunning(`The job "${this.name}"`)
    this.#owner.forget(this)
    const id = `${runtime.app}-${this.name}`
    await translated(`The schedule of the job "${this.name}" can't be removed`, () =>
      runtime.jsm.streams.purge(CRON_STREAM, { filter: scheduleSubject(CRON_STREAM, id) }),
    )
    await this.stop(AbortSignal.abort())
    await runtime.jsm.consumers.delete(CRON_STREAM, id).catch(() => false)
  }

  /** Publishing a schedule begins its intervals anew, so it is left alone where it is as it should be. */
  async #ensureSchedule(runtime: Runtime, id: string, target: string): Promise<void> {
    const wanted = scheduleHeaders(this.when)
    const present = await runtime.jsm.streams
      .getMessage(CRON_STREAM, { last_by_subj: scheduleSubject(CRON_STREAM, id) })
      .catch(() => null)
    const isSame =
      present?.header.get('Nats-Schedule') === wanted.schedule &&
      (present.header.get('Nats-Schedule-Time-Zone') || undefined) === wanted.timeZone
    if (!isSame) {
      await schedule(runtime.publisher, CRON_STREAM, target, new Uint8Array(0), this.when, {
        id,
        codec: 'bytes',
      })
    }
  }
}

/** Its time is reckoned anew at each start. */
function isRelative(when: When): boolean {
  return 'after' in when
}

async function ensureStream(runtime: Runtime): Promise<void> {
  const exists = await runtime.jsm.streams.info(CRON_STREAM).then(
    () => true,
    (thrown) => {
      if (isApiError(thrown, STREAM_NOT_FOUND)) return false
      throw thrown
    },
  )
  if (exists) return
  await runtime.jsm.streams.add({
    name: CRON_STREAM,
    description: 'The turns of cron jobs, and their schedules',
    subjects: [CRON_SUBJECTS, scheduleSubjects(CRON_STREAM)],
    max_msgs_per_subject: 1,
    allow_msg_schedules: true,
    num_replicas: runtime.replicas,
  })
}
