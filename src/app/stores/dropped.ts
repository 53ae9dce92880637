/** What a program once declared of a stream or a consumer and says nothing of any more: it stays as it was, which should not go unnoticed. */
import type { Runtime } from '../runtime.ts'
import { sentenceOf } from './differences.ts'

/** A configuration of the JetStream API, or a part of one. */
interface Config {
  readonly name?: string
  readonly metadata?: Readonly<Record<string, string>>
}

/** Where there is nothing to say. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  storage: 'file',
  retention: 'limits',
  discard: 'old',
  num_replicas: 1,
  duplicate_window: 120e9,
  ack_wait: 30e9,
  max_ack_pending: 1000,
}
const UNSAID = new Set([
  'name',
  'metadata',
  'description',
  'durable_name',
  'deliver_policy',
  'deliver_subject',
])
UNSAID.add('headers_only')
  .add('filter_subject')
  .add('filter_subjects')
  .add('opt_start_seq')
  .add('opt_start_time')

/** Field of the metadata with the fields that this program has declared. */
function keyOf({ declarer }: Runtime): string {
  return `contrail.declared.${declarer.app}.${declarer.program}`
}

/** The metadata to be written with a declaration: once declared is remembered. */
export function remembering(
  runtime: Runtime,
  wanted: Config,
  existing: Config | undefined,
): Record<string, string> {
  const said = Object.keys(wanted).filter((field) => !UNSAID.has(field))
  const before = rememberedBy(runtime, existing)
  return { ...wanted.metadata, [keyOf(runtime)]: [...new Set([...before, ...said])].sort().join(',') }
}

/** `max_age: 1h`, … : declared before, not any more, and still there. */
export function droppedOf(runtime: Runtime, wanted: Config, existing: Config): string[] {
  return rememberedBy(runtime, existing)
    .filter((field) => !(field in wanted))
    .map((field) => ({ field, value: (existing as Record<string, unknown>)[field] }))
    .filter(({ field, value }) => !isDefault(field, value) && !isBuckets(field, value, existing))
    .map(({ field, value }) =>
      sentenceOf({ field, has: value, wanted: undefined }).replace(/ → nothing$/, ''),
    )
}

function rememberedBy(runtime: Runtime, existing: Config | undefined): string[] {
  const text = existing?.metadata?.[keyOf(runtime)] ?? ''
  return text === '' ? [] : text.split(',')
}

/** One value of each key is what a bucket has unsaid. */
function isBuckets(field: string, value: unknown, { name = '' }: Config): boolean {
  return field === 'max_msgs_per_subject' && value === 1 && name.startsWith('KV_')
}

function isDefault(field: string, value: unknown): boolean {
  const isUnset =
    value === undefined || value === null || value === false || value === 0 || value === -1 || value === ''
  return isUnset || value === DEFAULTS[field]
}
