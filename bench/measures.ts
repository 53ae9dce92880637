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
  | 'calm'
  | 'alone'
  | 'delivered'
  | 'stall'
  | 'create'
  | 'info'
  | 'perStream'
  | 'stop'
  | 'gone'
  | 'disk'
  | OperationName

/** The basic operations whose growth is measured, by their rate. */
export type OperationName =
  | 'publish'
  | 'overwrite'
  | 'get'
  | 'deliver'
  | 'filtered'
  | 'ack'
  | 'delete'
  | 'purge'
  | 'consumer'

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
  calm: { label: 'messages/s undisturbed', digits: 0, better: 'higher' },
  alone: { label: 'messages/s of one alone', digits: 0, better: 'higher' },
  delivered: { label: 'delivered/s', digits: 0, better: 'higher' },
  stall: { label: 'longest stall ms', digits: 0, better: 'lower' },
  create: { label: 'creation ms', digits: 1, better: 'lower' },
  info: { label: 'info by subjects ms', digits: 1, better: 'lower' },
  perStream: { label: 'ms a stream', digits: 2, better: 'lower' },
  stop: { label: 'clean stop ms', digits: 0, better: 'lower' },
  gone: { label: 'all gone after ms', digits: 0, better: 'lower' },
  disk: { label: 'on disk MiB', digits: 1, better: 'lower' },
  publish: { label: 'publish', digits: 0, better: 'higher' },
  overwrite: { label: 'overwrite a key', digits: 0, better: 'higher' },
  get: { label: 'get the last of a subject', digits: 0, better: 'higher' },
  deliver: { label: 'deliver', digits: 0, better: 'higher' },
  filtered: { label: 'deliver by a filter', digits: 0, better: 'higher' },
  ack: { label: 'ack', digits: 0, better: 'higher' },
  delete: { label: 'delete a message', digits: 0, better: 'higher' },
  purge: { label: 'purge a subject', digits: 0, better: 'higher' },
  consumer: { label: 'create and delete a consumer', digits: 0, better: 'higher' },
}

export const measureNames = Object.keys(measures) as MeasureName[]
