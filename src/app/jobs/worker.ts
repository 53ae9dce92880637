/** Handles the jobs of a queue in this process: a consumer for each lane, and a gate that all of them go through. */
import type { HandlerContext } from '../context.ts'
import type { AnyHandler } from '../handler.ts'
import type { StreamMessage } from '../message.ts'
import type { Declaration, Runtime } from '../runtime.ts'
import { validate } from '../schema.ts'
import type { Owner } from '../subscription.ts'
import { Gate, type Permits } from './gate.ts'
import { RunningJob } from './job.ts'
import { Lane } from './lane.ts'
import type { QueueNames } from './names.ts'
import type { JobHandler, QueueSettings } from './options.ts'
import type { Outcomes } from './outcomes.ts'

/** What a worker takes from its queue. */
export interface WorkerParts {
  readonly names: QueueNames
  readonly settings: QueueSettings
  readonly outcomes: Outcomes
  /** What all processes share. */
  permits(runtime: Runtime): Promise<Permits[]>
}

export class QueueWorker<Deps extends object> implements Declaration {
  readonly stage = 'subscription'
  readonly #parts: () => WorkerParts
  readonly #handler: JobHandler<never, Deps>
  readonly #owner: Owner
  #lanes: Lane<Deps>[] = []
  #gate: Gate | null = null
  #permits: Permits[] = []

  constructor(parts: () => WorkerParts, handler: JobHandler<never, Deps>, owner: Owner) {
    this.#parts = parts
    this.#handler = handler
    this.#owner = owner
  }

  async start(runtime: Runtime): Promise<void> {
    const parts = this.#parts()
    const { settings } = parts
    this.#permits = await parts.permits(runtime)
    const gate = new Gate(settings.concurrency, settings.isOrdered ? 1 : settings.lanes.length, this.#permits)
    this.#gate = gate
    this.#lanes = settings.lanes.map((name) => {
      const lane = new Lane<Deps>(name, { ...parts, gate }, this.#owner)
      const handler = (data: never, context: HandlerContext) => this.#handle(lane, parts, data, context)
      lane.handle({ schema: settings.options.schema } as never, handler as AnyHandler as never)
      return lane
    })
    gate.onFree = () => {
      for (const lane of this.#lanes) lane.lookAgain()
    }
    for (const lane of this.#lanes) await lane.start(runtime)
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.#gate?.close()
    await Promise.all(this.#lanes.map((lane) => lane.stop(deadline)))
    await Promise.all(this.#permits.map((one) => one.stop()))
    this.#lanes = []
  }

  /** No job begins in this process until `resume`. */
  async pause(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.pause()))
  }

  async resume(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.resume()))
  }

  get held(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.held, 0)
  }

  async isSettled(): Promise<boolean> {
    const all = await Promise.all(this.#lanes.map((lane) => lane.isSettled()))
    return all.every((one) => one)
  }

  async #handle(
    lane: Lane<Deps>,
    parts: WorkerParts,
    data: never,
    context: HandlerContext,
  ): Promise<unknown> {
    const { names, outcomes, settings } = parts
    const message = context.message as StreamMessage
    const { id } = names.of(message.subject)
    const job = new RunningJob(id, message, lane.attemptsOf(message), outcomes)
    const returned = await this.#handler(data, Object.assign(context, { job }) as never)
    const schema = settings.options.result
    const result = schema === undefined ? returned : await validate(schema, returned, `the result of ${id}`)
    // Settled by the handler itself: put back, or given up.
    if (message.settlement === 'nacked' || message.settlement === 'termed') return result
    await outcomes.keep(id, {
      state: 'completed',
      seq: message.seq,
      ...(result === undefined ? {} : { result }),
      tries: message.tries,
      finished: new Date().toISOString(),
    })
    return result
  }
}
