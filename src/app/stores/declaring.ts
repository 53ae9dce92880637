/** How a stream (a bucket's too) comes to be as it is declared: made, updated, compared; and what an update may not do unasked. */
import { DiscardPolicy, RetentionPolicy, type StreamConfig, type StreamInfo } from '@nats-io/jetstream'
import { asContrailError, isApiError, STREAM_NOT_FOUND } from '../client-errors.ts'
import { ContrailError, reasonOf } from '../errors.ts'
import { oneOf } from '../options.ts'
import type { Claim, Runtime } from '../runtime.ts'
import { NS_PER_MS } from '../units.ts'
import { type Difference, differences, sentenceOf } from './differences.ts'
import { droppedOf, remembering } from './dropped.ts'
import { untilAnswered } from './heard.ts'

/**
 * What happens at the start: 'ensure' (default) makes or updates it, but refuses changes by which messages are lost;
 * 'allow-loss' makes those too; 'create' makes it when it is not there and leaves it as it is otherwise; 'check' only
 * compares; 'none' asks nothing.
 */
export type Declare = (typeof DECLARES)[number]

const DECLARES = ['ensure', 'allow-loss', 'create', 'check', 'none'] as const
export const DECLARE = oneOf(...DECLARES)

/** A stream or bucket that is made as it is declared may be declared so twice, not in two ways. */
export function claimOf(what: string, options: { readonly declare?: Declare } & object): Claim | null {
  const { declare = 'ensure', ...definition } = options
  if (declare !== 'ensure' && declare !== 'allow-loss') return null
  return { what, definition: JSON.stringify(Object.entries(definition).sort(([a], [b]) => (a < b ? -1 : 1))) }
}

/**
 * @param what for sentences: `the stream "ORDERS"`, `the bucket "stock"`
 * @param wanted the fields that the declaration speaks of
 * @param make how it is made, where `wanted` alone would not do
 * @returns its configuration as far as it is known; null: nothing was asked
 * @throws ContrailError STREAM_MISSING, STREAM_MISMATCH ('check'); WOULD_LOSE, STREAM_FIXED, SUBJECTS_OVERLAP and others
 */
export async function declareStream(
  runtime: Runtime,
  what: string,
  wanted: Partial<StreamConfig> & { name: string },
  declare: Declare,
  make?: () => Promise<unknown>,
): Promise<Partial<StreamConfig> | null> {
  if (declare === 'none') return null
  const { streams } = runtime.jsm
  const isEnsured = declare === 'ensure' || declare === 'allow-loss'
  const bindings = { stream: wanted.name }
  const existing = await untilAnswered(`${upper(what)} can't be looked up`, () =>
    streams.info(wanted.name).catch((thrown) => {
      if (isApiError(thrown, STREAM_NOT_FOUND)) return undefined
      throw thrown
    }),
  )
  if (existing === undefined) {
    if (declare === 'check') throw new ContrailError('STREAM_MISSING', `There is no ${bare(what)}.`)
    const marked = isEnsured ? { ...wanted, metadata: remembering(runtime, wanted, undefined) } : wanted
    await untilAnswered<unknown>(`${upper(what)}${subjectsOf(wanted)} can't be made`, () =>
      make === undefined ? streams.add(stated(marked) as never) : make(),
    )
    if (isEnsured && make !== undefined) await remember(runtime, wanted)
    runtime.log.info(bindings, 'stream created')
    return wanted
  }
  const different = differences(wanted, existing.config)
  if (isEnsured) {
    const left = droppedOf(runtime, wanted, existing.config)
    if (left.length > 0) runtime.log.warn({ ...bindings, left }, LEFT)
  }
  if (different.length === 0 && isEnsured) await remember(runtime, wanted, existing)
  if (declare === 'create' || different.length === 0) return existing.config
  const all = different.map(sentenceOf).join(', ')
  if (declare === 'check') {
    throw new ContrailError('STREAM_MISMATCH', `${upper(what)} is not as it is declared: ${all}.`)
  }
  const lost = different.flatMap((one) => lossOf(one, existing, wanted) ?? [])
  if (lost.length > 0 && declare !== 'allow-loss') {
    throw new ContrailError('WOULD_LOSE', `${upper(what)} is not changed: ${lost.join('; ')}.`)
  }
  const changed = different.map(sentenceOf)
  const marked = { ...wanted, metadata: remembering(runtime, wanted, existing.config) }
  try {
    await streams.update(wanted.name, updateOf(existing.config, marked) as never)
    if (lost.length > 0) runtime.log.warn({ ...bindings, changed, lost }, 'stream updated, with loss')
    else runtime.log.info({ ...bindings, changed }, 'stream updated')
    return { ...existing.config, ...wanted }
  } catch (thrown) {
    if (!isApiError(thrown, ...CANNOT_CHANGE))
      throw asContrailError(thrown, `${upper(what)} can't be updated (${all})`)
    const reason = reasonOf(thrown)
    throw new ContrailError(
      'STREAM_FIXED',
      `${upper(what)} can't be changed (${all}): ${reason}. \`nats stream rm ${wanted.name}\` removes it with all its messages.`,
      { cause: thrown, errorCode: (thrown as { code?: number }).code },
    )
  }
}

export const LEFT =
  'the declaration no longer speaks of what it once said: it is left as it is (to be rid of it say the default, for example maxAge: 0)'

/** Writes down what is declared, where that is not known yet. It is no part of the declaration: it may fail. */
async function remember(
  runtime: Runtime,
  wanted: Partial<StreamConfig> & { name: string },
  existing?: StreamInfo,
): Promise<void> {
  const { streams } = runtime.jsm
  try {
    const { config } = existing ?? (await streams.info(wanted.name))
    const metadata = remembering(runtime, wanted, config)
    if (differences({ metadata }, config).length === 0) return
    await streams.update(wanted.name, { ...config, metadata: { ...config.metadata, ...metadata } } as never)
  } catch (err) {
    runtime.log.debug({ err, stream: wanted.name }, 'what is declared could not be written down')
  }
}

/** What was declared, and is looked after. */
export interface KeptDeclaration {
  /** Its configuration as far as it is known; null: it is not. */
  readonly config: Partial<StreamConfig> | null
  /** Ends the looking after. */
  forget(): void
}

/**
 * Declares it, and makes it again when it is not there after a reconnect: what is in memory is gone with its server.
 * Parameters and errors: those of `declareStream`.
 */
export async function keepDeclared(
  runtime: Runtime,
  what: string,
  wanted: Partial<StreamConfig> & { name: string },
  declare: Declare,
  make?: () => Promise<unknown>,
): Promise<KeptDeclaration> {
  const config = await declareStream(runtime, what, wanted, declare, make)
  if (declare === 'none' || declare === 'check') return { config, forget: () => {} }
  const forget = runtime.onConnection((event) => {
    if (event !== 'reconnected') return
    declareStream(runtime, what, wanted, 'create', make).catch((err) => {
      runtime.log.warn({ err, stream: wanted.name }, `${what} could not be looked after`)
    })
  })
  return { config, forget }
}

function updateOf(existing: StreamConfig, wanted: Partial<StreamConfig>): Partial<StreamConfig> {
  const config = { ...existing, ...wanted }
  if (wanted.metadata !== undefined) config.metadata = { ...existing.metadata, ...wanted.metadata }
  // Ids can't be remembered for longer than messages are kept: the server would refuse it.
  const isTooLong = config.max_age > 0 && config.duplicate_window > config.max_age
  if (isTooLong && wanted.duplicate_window === undefined) config.duplicate_window = config.max_age
  return stated(config)
}

/** What is declared to be nothing (null) is not there: in an update the client would keep what it does not name. */
function stated<Config extends object>(config: Config): Config {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [name, value ?? undefined]),
  ) as Config
}

/** Invalid configuration, and its neighbours: the answers to what can't be updated. */
const CANNOT_CHANGE = [10052, 10055]

/**
 * What a change loses, as a sentence; null: nothing. A smaller limit counts as a loss even where less is stored today: an
 * app that starts in a test and not where the messages are would be worse. Only on an empty stream nothing can be lost.
 */
function lossOf(
  { field, has, wanted }: Difference,
  { config, state }: StreamInfo,
  all: Partial<StreamConfig>,
): string | null {
  const change = sentenceOf({ field, has, wanted })
  const dropsOld = (all.discard ?? config.discard) !== DiscardPolicy.New
  switch (field) {
    case 'retention':
      return has === RetentionPolicy.Limits && wanted === RetentionPolicy.Interest && state.messages > 0
        ? `${change}: of its ${state.messages} messages those go that no consumer waits for`
        : null
    case 'max_age': {
      if (!isSmaller(wanted, has) || state.messages === 0) return null
      const before = new Date(Date.now() - (wanted as number) / NS_PER_MS).toISOString()
      return `${change}: messages from before ${before} go (the oldest is of ${state.first_ts})`
    }
    case 'max_msgs':
      if (!isSmaller(wanted, has) || state.messages === 0 || !dropsOld) return null
      return `${change}: it holds ${state.messages} messages, the oldest go beyond that`
    case 'max_bytes':
      if (!isSmaller(wanted, has) || state.messages === 0 || !dropsOld) return null
      return `${change}: it holds ${state.bytes} bytes, the oldest messages go beyond that`
    case 'max_msgs_per_subject':
      if (!isSmaller(wanted, has) || state.messages === 0) return null
      return `${change}: it holds ${state.messages} messages on ${state.num_subjects ?? 'its'} subjects, the oldest of each go beyond that`
    case 'discard':
      // What was refused when the stream was full now drives out what is stored.
      return wanted === DiscardPolicy.Old && hasLimit(config) && state.messages > 0
        ? `${change}: when it is full its oldest messages go`
        : null
    default:
      return null
  }
}

/** Is it a limit, and a tighter one? Zero, -1 and nothing are none. */
function isSmaller(wanted: unknown, has: unknown): boolean {
  const limit = Number(wanted ?? 0)
  const before = Number(has ?? 0)
  return limit > 0 && (before <= 0 || limit < before)
}

function hasLimit(config: StreamConfig): boolean {
  return (config.max_msgs ?? 0) > 0 || (config.max_bytes ?? 0) > 0
}

function subjectsOf({ subjects }: Partial<StreamConfig>): string {
  return subjects === undefined || subjects.length === 0 ? '' : ` (subjects ${subjects.join(', ')})`
}

function upper(what: string): string {
  return what[0].toUpperCase() + what.slice(1)
}

function bare(what: string): string {
  return what.replace(/^the /, '')
}
