/** The table of what can be measured: its words, its unit, and which direction is better. */
export type MeasureName =
  | 'rate'
  | 'cpu'
  | 'perMessage'
  | 'p50'
  | 'p99'
  | 'throughput'
  | 'start'
  | 'startClean'
  | 'startKilled'
  | 'resident'

export interface Measure {
  readonly label: string
  /** Digits after the point when printed. */
  readonly digits: number
  readonly better: 'higher' | 'lower'
}

export const measures: Record<MeasureName, Measure> = {
  rate: { label: 'messages/s', digits: 0, better: 'higher' },
  throughput: { label: 'MiB/s', digits: 0, better: 'higher' },
  cpu: { label: 'server CPU s per million', digits: 3, better: 'lower' },
  perMessage: { label: 'µs a message', digits: 0, better: 'lower' },
  p50: { label: 'p50 µs', digits: 0, better: 'lower' },
  p99: { label: 'p99 µs', digits: 0, better: 'lower' },
  start: { label: 'start ms', digits: 0, better: 'lower' },
  startClean: { label: 'start ms after clean stop', digits: 0, better: 'lower' },
  startKilled: { label: 'start ms after kill -9', digits: 0, better: 'lower' },
  resident: { label: 'resident MiB', digits: 0, better: 'lower' },
}

export const measureNames = Object.keys(measures) as MeasureName[]
