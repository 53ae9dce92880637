/** How a durable consumer comes to be as it is declared: made, updated, compared; and what can't be updated, and what helps. */
import { AckPolicy, type ConsumerConfig, type ConsumerInfo, RetentionPolicy } from '@nats-io/jetstream'
import { asContrailError, CONSUMER_NOT_FOUND, isApiError, translated } from '../client-errors.ts'
import { ContrailError, reasonOf } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import { type Declare, LEFT } from '../stores/declaring.ts'
import { type Difference, differences, sentenceOf } from '../stores/differences.ts'
import { droppedOf, remembering } from '../stores/dropped.ts'
import { untilAnswered } from '../stores/heard.ts'
import { subjectCovers } from '../subject-pattern.ts'

/** Where a new consumer begins: says nothing to one that exists. */
const BEGINNING = new Set(['deliver_policy', 'opt_start_seq', 'opt_start_time'])
/** What nats-server 2.15 does not update. */
const FIXED = new Set([
  'ack_policy',
  'replay_policy',
  'max_waiting',
  'mem_storage',
  'flow_control',
  'idle_heartbeat',
])
/** Without these as declared the app can't work with the consumer at all. */
const NEEDED = new Set(['ack_policy', 'deliver_subject'])
/** The name is taken already, by one of another configuration: somebody was faster. */
/** Field of a durable's metadata: the app that declares it. */
export const DECLARED_BY = 'contrail.app'
const EXISTS = [10013, 10105, 10148]
const CANNOT_CHANGE = [10012]

/**
 * @param config with `durable_name`
 * @throws ContrailError CONSUMER_MISSING, CONSUMER_MISMATCH ('check'); CONSUMER_FIXED, WOULD_LOSE, CONSUMERS_OVERLAP and others
 */
export async function declareConsumer(
  runtime: Runtime,
  stream: string,
  config: Partial<ConsumerConfig>,
  declare: Exclude<Declare, 'none'>,
): Promise<ConsumerInfo> {
  const { consumers } = runtime.jsm
  const name = config.durable_name as string
  const what = `The consumer "${name}" of the stream "${stream}"`
  for (let isAgain = false; ; isAgain = true) {
    const existing = await untilAnswered(`${what} can't be looked up`, () =>
      consumers.info(stream, name).catch((thrown) => {
        if (isApiError(thrown, CONSUMER_NOT_FOUND)) return undefined
        throw thrown
      }),
    )
    if (existing !== undefined) return await update(runtime, stream, existing, config, declare)
    if (declare === 'check') {
      throw new ContrailError('CONSUMER_MISSING', `The stream "${stream}" has no consumer "${name}".`)
    }
    try {
      const wanted = marked(runtime, config, undefined)
      return await untilAnswered(`${what} can't be made`, () => consumers.add(stream, wanted))
    } catch (thrown) {
      if (isAgain || !isApiError(thrown, ...EXISTS)) throw thrown
    }
  }
}

async function update(
  runtime: Runtime,
  stream: string,
  existing: ConsumerInfo,
  config: Partial<ConsumerConfig>,
  declare: Exclude<Declare, 'none'>,
): Promise<ConsumerInfo> {
  const { name } = existing
  const what = `The consumer "${name}" of the stream "${stream}"`
  const bindings = { stream, consumer: name }
  const all = differences(comparable(config), comparable(existing.config))
  const marks = takeover(runtime, stream, existing, all, declare)
  const different = all.filter(({ field }) => !BEGINNING.has(field))
  const isEnsured = declare === 'ensure' || declare === 'allow-loss'
  const left = isEnsured ? droppedOf(runtime, config, existing.config) : []
  if (left.length > 0) runtime.log.warn({ ...bindings, left }, LEFT)
  if (different.length < all.length) {
    const ignored = all.filter(({ field }) => BEGINNING.has(field)).map(({ field }) => field)
    runtime.log.info({ ...bindings, ignored }, 'the consumer exists: it goes on where it is')
  }
  const fixed = different.filter(isFixed)
  const isUseless = fixed.some(({ field }) => NEEDED.has(field))
  if ((different.length === 0 && !marks) || (declare === 'create' && !isUseless)) return existing
  if (fixed.length > 0) {
    throw new ContrailError(
      'CONSUMER_FIXED',
      `${what} can't be changed: ${list(fixed)}. \`nats consumer rm ${stream} ${name}\` removes it, and with it its place in the stream.`,
    )
  }
  if (declare === 'check') {
    throw new ContrailError('CONSUMER_MISMATCH', `${what} is not as it is declared: ${list(different)}.`)
  }
  const lost = await lossOf(runtime, stream, different)
  if (lost !== null && declare !== 'allow-loss') {
    throw new ContrailError('WOULD_LOSE', `${what} is not changed: ${lost}.`)
  }
  try {
    const info = await runtime.jsm.consumers.update(
      stream,
      name,
      changeOf(existing.config, marked(runtime, config, existing.config)) as never,
    )
    if (different.length === 0) return info
    const changed = different.map(sentenceOf)
    if (lost === null) runtime.log.info({ ...bindings, changed }, 'consumer updated')
    else runtime.log.warn({ ...bindings, changed, lost }, 'consumer updated, with loss')
    return info
  } catch (thrown) {
    // It works without its mark.
    if (different.length === 0) return existing
    if (!isApiError(thrown, ...CANNOT_CHANGE)) {
      throw asContrailError(thrown, `${what} can't be updated (${list(different)})`)
    }
    throw new ContrailError(
      'CONSUMER_FIXED',
      `${what} can't be changed (${list(different)}): ${reasonOf(thrown)}. \`nats consumer rm ${stream} ${name}\` removes it, and with it its place in the stream.`,
      { cause: thrown, errorCode: CANNOT_CHANGE[0] },
    )
  }
}

/** With the name of the app that declares it, and what it says. */
function marked(
  runtime: Runtime,
  config: Partial<ConsumerConfig>,
  existing: ConsumerConfig | undefined,
): Partial<ConsumerConfig> {
  const metadata = { ...remembering(runtime, config, existing), [DECLARED_BY]: runtime.declarer.app }
  return { ...config, metadata }
}

/**
 * Whose is it? Apps that declare it alike share it. One that declares it otherwise may have it where nobody works with it any
 * more, and says so; else its messages would go now to this app and now to that.
 * @returns whether the mark is to be changed
 * @throws ContrailError DUPLICATE_NAME
 */
function takeover(
  runtime: Runtime,
  stream: string,
  { name, config, num_waiting = 0, push_bound = false }: ConsumerInfo,
  different: readonly Difference[],
  declare: Declare,
): boolean {
  const { app } = runtime.declarer
  const before = config.metadata?.[DECLARED_BY]
  if (declare === 'check' || declare === 'create' || before === app) return false
  if (before === undefined) return true
  const bindings = { stream, consumer: name, app: before }
  const definition = different.filter(({ field }) => !BEGINNING.has(field) && field !== 'metadata')
  if (definition.length === 0) {
    runtime.log.info(bindings, 'the consumer is shared with another app')
    return false
  }
  if (num_waiting > 0 || push_bound) {
    throw new ContrailError(
      'DUPLICATE_NAME',
      `The consumer "${name}" of the stream "${stream}" is at work for the app "${before}", which declares it otherwise: ${list(definition)}.`,
    )
  }
  runtime.log.warn(
    { ...bindings, changed: definition.map(sentenceOf) },
    'the consumer is taken over from another app',
  )
  return true
}

/** With one list of filters, and without what the server derives. */
function comparable(config: Partial<ConsumerConfig>): Record<string, unknown> {
  const { filter_subject, filter_subjects, backoff, ack_wait, ...rest } = config
  const filters = filtersOf(config)
  return {
    ...rest,
    // Unfiltered is everything.
    ...(filters.length === 0 ? {} : { filter_subjects: filters }),
    ...(backoff === undefined ? {} : { backoff }),
    // With a backoff the server takes its first pause for the ack wait.
    ...(ack_wait === undefined || (backoff?.length ?? 0) > 0 ? {} : { ack_wait }),
    headers_only: config.headers_only === true,
    deliver_subject: config.deliver_subject,
  }
}

function filtersOf({ filter_subject, filter_subjects }: Partial<ConsumerConfig>): string[] {
  if (filter_subject !== undefined && filter_subject !== '') return [filter_subject]
  return filter_subjects ?? []
}

/** The fields to send: a single filter and a list can't both be there. */
function changeOf(existing: ConsumerConfig, config: Partial<ConsumerConfig>): Partial<ConsumerConfig> {
  const change: Record<string, unknown> = { ...config, headers_only: config.headers_only === true }
  for (const field of [...BEGINNING, 'durable_name', 'name']) delete change[field]
  const filters = filtersOf(config)
  if (filters.length > 0) {
    change.filter_subject = filters.length === 1 ? filters[0] : undefined
    change.filter_subjects = filters.length === 1 ? undefined : filters
  }
  if (config.metadata !== undefined) change.metadata = { ...existing.metadata, ...config.metadata }
  return change
}

/** A push consumer may send elsewhere, but not become one that is asked. */
function isFixed({ field, has, wanted }: Difference): boolean {
  if (field === 'deliver_subject') return !has !== !wanted
  return FIXED.has(field)
}

/** Where messages are kept only while a consumer wants them, fewer subjects remove those that nobody wants any more. */
async function lossOf(
  runtime: Runtime,
  stream: string,
  different: readonly Difference[],
): Promise<string | null> {
  const filters = different.find(({ field }) => field === 'filter_subjects')
  if (filters === undefined) return null
  const { wanted } = filters
  const before = (filters.has as string[] | undefined) ?? ['>']
  const isNarrower = before.some((one) => !(wanted as string[]).some((filter) => subjectCovers(filter, one)))
  if (!isNarrower) return null
  const { config, state } = await translated(`The stream "${stream}" can't be looked up`, () =>
    runtime.jsm.streams.info(stream),
  )
  if (config.retention !== RetentionPolicy.Interest || state.messages === 0) return null
  return `${sentenceOf(filters)}: of the ${state.messages} messages of the stream, which keeps what consumers want, those go that no consumer wants then`
}

function list(different: readonly Difference[]): string {
  return different.map(sentenceOf).join(', ')
}

/** What is said of a consumer without asking the server: the app may not ask, or is not to. */
export function assumedConsumer(stream: string, config: Partial<ConsumerConfig>): ConsumerInfo {
  const whole = { ack_policy: AckPolicy.Explicit, ...config }
  return { name: config.durable_name, stream_name: stream, config: whole, num_pending: 0 } as ConsumerInfo
}
