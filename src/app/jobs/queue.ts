/** A queue of jobs: a thin layer on a work-queue stream, a consumer for each priority, and a bucket of results. */
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream'
import { nuid } from '@nats-io/nats-core'
import { translated } from '../client-errors.ts'
import { deadLetterStream } from '../consumer/dead-letters.ts'
import { type PauseOptions, pausedUntil } from '../consumer/pausing.ts'
import { DeadLetterBox } from '../dead-letters/dead-letter-box.ts'
import type { ContrailError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { readable, scheduleHeaders, type When } from '../publisher/schedule.ts'
import type { Declaration, Runtime } from '../runtime.ts'
import { type Schema, validate } from '../schema.ts'
import { keepDeclared } from '../stores/declaring.ts'
import type { StreamOwner } from '../stores/stream.ts'
import { Watch, type WatchHandler, type WatchOptions } from '../stores/watch.ts'
import { SubjectPattern } from '../subject-pattern.ts'
import { eventOf, type QueueEvent } from './events.ts'
import type { Permits } from './gate.ts'
import { Job } from './job.ts'
import { JobMessages } from './job-messages.ts'
import { checkLanes, countOf, lanesMark, makeLanes } from './lanes.ts'
import { DELAYED, idOf, QueueNames, REPEATED, tokenOf } from './names.ts'
import {
  ADD_OPTIONS,
  type AddOptions,
  type JobHandler,
  QUEUE_OPTIONS,
  type QueueOptions,
  QueueSettings,
} from './options.ts'
import { Outcomes } from './outcomes.ts'
import { Pace } from './pace.ts'
import { lanesInfo, pauseLanes, resumeLanes } from './pausing.ts'
import type { BulkJob, JobReport, QueueCounts, RepeatOptions } from './reports.ts'
import { Slots } from './slots.ts'
import { QueueWorker } from './worker.ts'

/** Jobs of `addBulk` that are on their way at a time. */
const BULK_AT_A_TIME = 1000

export class Queue<In = unknown, Out = In, Result = unknown, Deps extends object = object>
  implements Declaration
{
  readonly stage = 'store'
  readonly name: string
  readonly #names: QueueNames
  readonly #settings: QueueSettings
  readonly #messages: JobMessages
  readonly #owner: StreamOwner
  #outcomes: Outcomes | null = null
  #forget: () => void = () => {}

  constructor(
    name: string,
    options: QueueOptions<Schema | undefined, Schema | undefined, never>,
    owner: StreamOwner,
  ) {
    checkOptions(`the queue "${name}"`, options, QUEUE_OPTIONS)
    this.name = name
    this.#names = new QueueNames(name)
    this.#settings = new QueueSettings(options)
    this.#owner = owner
    this.#messages = new JobMessages(this.#names, this.#settings, () => this.#runtime())
  }

  /** @internal For documents: the stream of the jobs. */
  get stream(): string {
    return this.#names.stream
  }

  /** @internal Where jobs that are to be handled at once are added; `*` is the job's id. */
  get subjects(): string[] {
    return this.#settings.lanes.map((lane) => this.#names.subject(lane, '*'))
  }

  /** @internal */
  get options(): QueueOptions<Schema | undefined, Schema | undefined, never> {
    return this.#settings.options
  }

  /**
   * Handles the jobs in this process too. A job that throws is tried again as the queue says, then it has failed: it is with the
   * dead letters, and whoever waits for it is told.
   */
  handle(handler: JobHandler<Out, Deps>): this {
    const parts = () => ({
      names: this.#names,
      settings: this.#settings,
      outcomes: this.#running(),
      permits: (runtime: Runtime) => this.#permits(runtime),
    })
    this.#owner.declare(new QueueWorker<Deps>(parts, handler as JobHandler<never, Deps>, this.#owner))
    return this
  }

  /** Resolves when the job is stored. @throws InvalidMessageError when it is not what the schema says; as publishing to a stream does */
  async add(data: In, options: AddOptions = {}): Promise<Job<Result>> {
    this.#runtime()
    const { schema } = this.#settings.options
    if (schema !== undefined) await validate(schema, data, `jobs.${this.name}`)
    checkOptions(`a job of the queue "${this.name}"`, options, ADD_OPTIONS)
    const id = options.unique === undefined ? nuid.next() : tokenOf(options.unique)
    const { subject, headers } = this.#messages.address(id, data, options)
    if (options.unique !== undefined && options.onDuplicate !== 'replace') {
      const outcomeOf = (one: string) => this.#running().of(one)
      const put = await this.#messages.putUnlessThere(id, subject, data, { headers }, outcomeOf)
      return this.#job(id, put.seq, put.isNew)
    }
    const seq = await this.#messages.put(subject, data, { headers })
    // Those of the same subject went with it; what was in another lane, or delayed, goes now.
    if (options.unique !== undefined) await this.#messages.purge(id, seq)
    return this.#job(id, seq, true)
  }

  /** Adds many; resolves when all are stored. Not all or none: where one fails, others may be stored. */
  async addBulk(jobs: readonly BulkJob<In>[]): Promise<Job<Result>[]> {
    const added: Job<Result>[] = []
    for (let i = 0; i < jobs.length; i += BULK_AT_A_TIME) {
      const some = jobs.slice(i, i + BULK_AT_A_TIME)
      added.push(...(await Promise.all(some.map(({ data, ...options }) => this.add(data, options)))))
    }
    return added
  }

  /** Jobs that failed: to be looked at, tried again (`resend`), dropped. */
  get deadLetters(): DeadLetterBox {
    return new DeadLetterBox(deadLetterStream(this.#names.stream), () => this.#runtime())
  }

  /** A job as it is now; undefined: there is none of this id, or its result is not kept any more. */
  async get(id: string): Promise<JobReport<In, Result> | undefined> {
    const token = idOf(id)
    const there = await this.#messages.last(this.#names.subject('*', token))
    const progress = await this.#running().progressOf(token)
    const isCurrent = progress !== undefined && (there === undefined || progress.seq >= there.seq)
    const rest = isCurrent ? { progress: progress.progress } : {}
    const outcome = await this.#running().of(token)
    // With an outcome it is through, and its ack is on its way.
    if (there !== undefined && outcome?.seq !== there.seq) {
      const { lane } = this.#names.of(there.subject)
      const state = lane === DELAYED || lane === REPEATED ? 'delayed' : 'waiting'
      return { id: token, state, seq: there.seq, data: there.json<In>(), ...rest }
    }
    return outcome === undefined
      ? undefined
      : ({ id: token, ...(outcome as object), ...rest } as JobReport<In, Result>)
  }

  /**
   * Removes a job that is delayed, waiting, or to be tried again; whoever waits for it is told. What a handler has begun with goes on.
   * @returns false when there was none
   */
  async remove(id: string): Promise<boolean> {
    const token = idOf(id)
    const there = await this.#messages.last(this.#names.subject('*', token))
    if (there === undefined || (await this.#messages.purge(token, there.seq + 1)) === 0) return false
    const finished = new Date().toISOString()
    await this.#running().keep(token, { state: 'removed', seq: there.seq, finished })
    return true
  }

  /** No job begins in any process until `resume`, or for so long; those that are here already are handled. It outlives all apps. */
  async pause(options: Pick<PauseOptions, 'for'> = {}): Promise<void> {
    const runtime = this.#runtime()
    const until = pausedUntil(options)
    await translated(`The queue "${this.name}" can't be paused`, async () => {
      await makeLanes(runtime, this.#names, this.#settings)
      await pauseLanes(runtime.jsm, this.#names, this.#settings.lanes, until)
    })
  }

  async resume(): Promise<void> {
    const runtime = this.#runtime()
    await translated(`The queue "${this.name}" can't be resumed`, async () => {
      await makeLanes(runtime, this.#names, this.#settings)
      await resumeLanes(runtime.jsm, this.#names, this.#settings.lanes)
    })
  }

  async isPaused(): Promise<boolean> {
    const { jsm } = this.#runtime()
    const lanes = await translated(`The queue "${this.name}" can't be looked up`, () =>
      lanesInfo(jsm, this.#names, this.#settings.lanes),
    )
    return lanes.some(({ paused }) => paused === true)
  }

  /** How many jobs there are. What changes meanwhile may be counted twice, or not. */
  async counts(): Promise<QueueCounts> {
    const { jsm } = this.#runtime()
    const names = this.#names
    return translated(`The queue "${this.name}" can't be counted`, async () => {
      const [all, delayed, repeated, lanes, failed] = await Promise.all([
        jsm.streams.info(names.stream),
        countOf(jsm, names, DELAYED),
        countOf(jsm, names, REPEATED),
        lanesInfo(jsm, names, this.#settings.lanes),
        this.deadLetters.count(),
      ])
      const active = lanes.reduce((sum, { num_ack_pending }) => sum + num_ack_pending, 0)
      const waiting = Math.max(0, all.state.messages - delayed - repeated - active)
      return { waiting, active, delayed, repeated, failed }
    })
  }

  /**
   * Adds a job again and again, by the clock of the server. While the one before is still there it is replaced: they are not heaped up. A
   * repetition outlives all apps; saying the same again changes nothing, something else under the name takes its place.
   */
  async repeat(name: string, when: When | string, data: In, options: RepeatOptions = {}): Promise<void> {
    const { schema } = this.#settings.options
    if (schema !== undefined) await validate(schema, data, `jobs.${this.name}`)
    const { priority, attempts, headers: given, ...unknown } = options
    checkOptions(`a job of the queue "${this.name}"`, { priority, attempts, headers: given }, ADD_OPTIONS)
    checkOptions(`a repetition of the queue "${this.name}"`, unknown, {})
    const { publisher } = this.#runtime()
    const id = `repeat-${tokenOf(name)}`
    const { subject: target, headers } = this.#messages.address(id, data, options)
    const { schedule, timeZone } = scheduleHeaders(typeof when === 'string' ? { cron: when } : when)
    headers['Nats-Schedule'] = schedule
    headers['Nats-Schedule-Target'] = target
    if (timeZone !== undefined) headers['Nats-Schedule-Time-Zone'] = timeZone
    const subject = this.#names.subject(REPEATED, id)
    const there = await this.#messages.last(subject)
    // Publishing it begins its intervals anew.
    const isSame =
      there !== undefined &&
      there.string() === (JSON.stringify(data) ?? '') &&
      Object.entries(headers).every(([header, value]) => there.header.get(header) === value)
    if (!isSame) await readable(schedule, publisher.publishToStream(subject, data, { headers }))
  }

  /** Ends a repetition. False when there was none. */
  async unrepeat(name: string): Promise<boolean> {
    const { streams } = this.#runtime().jsm
    const filter = this.#names.subject(REPEATED, `repeat-${tokenOf(name)}`)
    const done = await translated(`The repetition "${name}" can't be ended`, () =>
      streams.purge(this.#names.stream, { filter }),
    )
    return done.purged > 0
  }

  /**
   * Tells of what happens to jobs in all processes: that they are completed, failed or removed, and their progress; in order, from now
   * on, or with `from: 'history'` what is kept first.
   */
  watch(
    handler: WatchHandler<QueueEvent, object, Deps>,
    options: Pick<WatchOptions, 'from' | 'concurrency' | 'retry'> = {},
  ): Watch<QueueEvent, object, Deps> {
    const { bucket } = this.#names
    const patterns = [new SubjectPattern(`$KV.${bucket}.>`)]
    const all = { from: 'updates', ...options } as const
    return this.#owner.declare(
      new Watch<QueueEvent, object, Deps>(`KV_${bucket}`, patterns, all, eventOf, handler, this.#owner),
    )
  }

  async start(runtime: Runtime): Promise<void> {
    const names = this.#names
    const what = `the queue "${this.name}"`
    await checkLanes(runtime, names, this.#settings)
    const { forget } = await keepDeclared(runtime, what, this.#config(runtime), 'ensure')
    this.#forget = forget
    runtime.publisher.audience.keep(new Map([[names.subjects, names.subjects]]))
    const outcomes = new Outcomes(names, runtime)
    await translated(`The results of the queue "${this.name}" can't be kept`, () =>
      outcomes.open(this.#settings.keepResultsMs),
    )
    this.#outcomes = outcomes
  }

  async stop(): Promise<void> {
    this.#forget()
    this.#outcomes?.close()
  }

  /** What all processes share, where they do. */
  async #permits(runtime: Runtime): Promise<Permits[]> {
    const permits: Permits[] = []
    const { totalConcurrency, options } = this.#settings
    if (totalConcurrency !== undefined) {
      const slots = new Slots(this.#names, totalConcurrency, this.#settings.ackWaitMs, runtime)
      await slots.open()
      permits.push(slots)
    }
    if (options.rate !== undefined) permits.push(new Pace(this.#names, options.rate, runtime))
    return permits
  }

  #config(runtime: Runtime): Partial<StreamConfig> & { name: string } {
    const { options } = this.#settings
    return {
      name: this.#names.stream,
      subjects: [this.#names.subjects],
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      // A job of an id takes the place of the one that is there.
      max_msgs_per_subject: 1,
      allow_msg_schedules: true,
      allow_direct: true,
      num_replicas: options.replicas ?? runtime.replicas ?? 1,
      description: `Jobs of the queue ${this.name}`,
      metadata: lanesMark(this.#settings),
    }
  }

  #job(id: string, seq: number, isNew: boolean): Job<Result> {
    return new Job<Result>(this.name, id, seq, isNew, () => this.#running())
  }

  #running(): Outcomes {
    if (this.#outcomes === null) throw this.#notConnected()
    return this.#outcomes
  }

  #runtime(): Runtime {
    const runtime = this.#owner.runtime()
    if (runtime === null) throw this.#notConnected()
    return runtime
  }

  #notConnected(): ContrailError {
    return this.#owner.notRunning(`The queue "${this.name}"`)
  }
}
