/** What a row of the bench of scale is: who takes part, and the load that runs in a process of its own. */
import type { ContenderName, Row, Sample, Target } from '../row.ts'
import type { Stage } from './load/stage.ts'

/** Makes everything ready, and gives the function that takes one sample. */
export type Load = (stage: Stage) => Promise<() => Promise<Sample>>

/** Where a row of growth stands: its axis, and how many there are of what the axis counts. */
export interface GrowthPoint {
  readonly axis: string
  readonly size: number
}

export interface ScaleRow {
  readonly name: string
  /** How it is measured, in a sentence. */
  readonly how: string
  readonly load: Load
  /** Default: Contrail and nats-server as they come. */
  readonly contenders?: readonly ContenderName[]
  /** Lines for the `jetstream` block of a contender's configuration file. */
  readonly settings?: Partial<Record<ContenderName, string>>
  readonly targets?: readonly Target[]
  /** A server, a store and a load of its own for each sample. */
  readonly isFresh?: boolean
  /** After the sample: how long a clean stop takes, and the start after it. Needs `isFresh`. */
  readonly restarts?: boolean
  /** Takes a minute or more, or is one of many: `--short` leaves it out. */
  readonly isLong?: boolean
  readonly rounds?: number
  readonly flag?: Row['flag']
  readonly growth?: GrowthPoint
}
