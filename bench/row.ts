/**
 * What a row of the bench is: a small table entry that says what is measured, against whom, and what must be
 * reached.
 */
import type { MeasureName } from './measures.ts'
import type { Tools } from './servers/tools.ts'

/**
 * Who takes part in a row.
 * - `contrail`: `bin/contrail-server`, every acknowledgement after fdatasync.
 * - `default`: nats-server as it comes, acknowledging before the disk.
 * - `always`: nats-server with `sync_interval: always`.
 * - `commit`: no server; one bare 4 KiB O_DSYNC write.
 * - `client`: the official client by itself, where `contrail` is the framework.
 * - `tcp`: the same app on a nats-server over TCP, where `contrail` is embedded.
 * - `bullmq`: BullMQ on redis-server, appendfsync always.
 */
export type ContenderName = 'contrail' | 'default' | 'always' | 'commit' | 'client' | 'tcp' | 'bullmq'

/** One round's figures. `messages` (when there) is what the processor time is divided by. */
export type Sample = Partial<Record<MeasureName, number>> & { messages?: number }

/** A figure to reach: a ratio to `against`, or an absolute figure of Contrail's when `against` is absent. */
export interface Target {
  readonly measure: MeasureName
  readonly against?: ContenderName
  readonly atLeast?: number
  readonly atMost?: number
}

/** What a row is given to set itself up for one contender. */
export interface Contest {
  readonly contender: ContenderName
  readonly tools: Tools
  /** Flags for Node itself, used by the profiler; only Contrail's processes get them. */
  readonly nodeFlags: readonly string[]
  /** Scales a message count for this run (`--quick` takes a twentieth). */
  count(messages: number): number
}

/** One contender, made ready; sampled once a round, in turns with the others. */
export interface Runner {
  /** Runs once before the first round, unmeasured. */
  warmUp?(): Promise<void>
  sample(): Promise<Sample>
  close(): Promise<void>
}

/** One line of the list. */
export interface Row {
  readonly name: string
  /** How it is measured, in a sentence. */
  readonly how: string
  readonly contenders: readonly ContenderName[]
  readonly targets: readonly Target[]
  /** Only run when asked for by this flag. */
  readonly flag?: 'tenMillion'
  /** Left out by `--short`. */
  readonly isLong?: boolean
  /** Fewer rounds than asked for, where one takes long. */
  readonly rounds?: number
  open(contest: Contest): Promise<Runner>
}
