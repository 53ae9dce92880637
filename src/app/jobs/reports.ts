/** What a queue says of jobs, and what is said to it. */
import type { AddOptions } from './options.ts'
import type { Outcome } from './outcomes.ts'

/** A job of `addBulk`. */
export interface BulkJob<Data> extends AddOptions {
  data: Data
}

/** A job as it is looked up. */
export interface JobReport<Data = unknown, Result = unknown> {
  readonly id: string
  /** 'waiting': or being handled, or to be tried again; the server does not tell them apart. */
  readonly state: 'delayed' | 'waiting' | Outcome['state']
  readonly seq: number
  /** While it is not through. */
  readonly data?: Data
  readonly result?: Result
  readonly reason?: string
  readonly tries?: number
  readonly finished?: string
  /** What its handler said last. */
  readonly progress?: unknown
}

export interface QueueCounts {
  readonly waiting: number
  /** Taken by a process: handled, about to be, or to be tried again. */
  readonly active: number
  readonly delayed: number
  /** Repetitions. */
  readonly repeated: number
  /** With the dead letters. */
  readonly failed: number
}

export type RepeatOptions = Pick<AddOptions, 'priority' | 'attempts' | 'headers'>
