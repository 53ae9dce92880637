/** Mirrors and sources in a stream's configuration: what nats-server refuses, in its order. Pure. */
import {
  checkMapping,
  isLiteralSubject,
  isSubset,
  isValidSubject,
  subjectsCollide,
  TransformError,
} from '../../../subjects/index.ts'
import { type ApiErrorName, apiError } from '../errors.ts'
import type { StreamConfig, StreamSource, SubjectTransform } from '../types.ts'
import { consumerKeyOf, originKey } from './origin-key.ts'

/** The configuration of another stream of the account. */
export type FindConfig = (name: string) => StreamConfig | undefined

const NOT_IN_NAMES = /[ \t\r\n\f.*>\\/]/
const API = '$JS.API'

/** Error names that mirrors and sources have a pair of. */
const ERRORS = {
  mirror: {
    name: 'JSMirrorInvalidStreamName',
    size: 'JSMirrorMaxMessageSizeTooBigErr',
    consumer: 'JSMirrorDurableConsumerCfgInvalid',
    filters: 'JSMirrorMultipleFiltersNotAllowed',
    filter: 'JSMirrorInvalidSubjectFilter',
    destination: 'JSMirrorInvalidTransformDestination',
    overlap: 'JSMirrorOverlappingSubjectFilters',
  },
  source: {
    name: 'JSSourceInvalidStreamName',
    size: 'JSSourceMaxMessageSizeTooBigErr',
    consumer: 'JSSourceDurableConsumerCfgInvalid',
    filters: 'JSSourceMultipleFiltersNotAllowed',
    filter: 'JSSourceInvalidSubjectFilter',
    destination: 'JSSourceInvalidTransformDestination',
    overlap: 'JSSourceOverlappingSubjectFilters',
  },
} as const satisfies Record<string, Record<string, ApiErrorName>>

type Errors = (typeof ERRORS)[keyof typeof ERRORS]

/** Checks mirror and sources, in place: a mirror takes over whether its origin allows direct gets. */
export function checkOrigins(config: StreamConfig, find: FindConfig, pedantic: boolean): void {
  if (config.mirror !== undefined) {
    config.mirror = plainSource(config.mirror)
    checkMirror(config, config.mirror, find, pedantic)
  }
  if (config.sources !== undefined) {
    config.sources = config.sources.map((source) => plainSource(source ?? { name: '' }))
    checkSources(config, config.sources, find)
  }
  checkPrefixes(config, find)
  checkCycles(config, find)
}

/** What is looked at only when the stream is made. */
export function checkOriginFilters({ mirror, sources = [] }: StreamConfig): void {
  const check = (filter: string | undefined, what: string): void => {
    if (!filter || isValidSubject(filter)) return
    throw apiError('JSStreamCreateErrF', {
      err: `subject filter '${filter}' for the ${what} invalid subject`,
    })
  }
  check(mirror?.filter_subject, 'mirror')
  for (const { filter_subject: filter } of sources) check(filter, 'source:')
}

/** The streams that a configuration copies from. */
export function originsOf(config: StreamConfig): StreamSource[] {
  return config.mirror === undefined ? (config.sources ?? []) : [config.mirror]
}

/** Without empty fields, in the order in which answers show them. */
function plainSource(source: StreamSource): StreamSource {
  const plain: StreamSource = { name: source.name ?? '' }
  if (source.opt_start_seq) plain.opt_start_seq = source.opt_start_seq
  if (source.opt_start_time !== undefined) plain.opt_start_time = source.opt_start_time
  if (source.filter_subject) plain.filter_subject = source.filter_subject
  const transforms = source.subject_transforms ?? []
  if (transforms.length > 0) {
    plain.subject_transforms = transforms.map(({ src = '', dest = '' }) => ({ src, dest }))
  }
  const { external, consumer } = source
  if (external !== undefined) plain.external = { api: external.api ?? '', deliver: external.deliver ?? '' }
  if (consumer !== undefined) {
    plain.consumer = {}
    if (consumer.name) plain.consumer.name = consumer.name
    if (consumer.deliver_subject) plain.consumer.deliver_subject = consumer.deliver_subject
  }
  return plain
}

function checkMirror(config: StreamConfig, mirror: StreamSource, find: FindConfig, pedantic: boolean): void {
  if ((config.first_seq ?? 0) > 0) throw apiError('JSMirrorWithFirstSeqErr')
  if ((config.subjects ?? []).length > 0) throw apiError('JSMirrorWithSubjectsErr')
  if ((config.sources ?? []).length > 0) throw apiError('JSMirrorWithSourcesErr')
  if (config.allow_msg_counter) throw apiError('JSMirrorWithCountersErr')
  if (config.allow_atomic) throw apiError('JSMirrorWithAtomicPublishErr')
  if (config.allow_batched) throw apiError('JSMirrorWithBatchPublishErr')
  if (config.allow_msg_schedules) throw apiError('JSMirrorWithMsgSchedulesErr')
  checkConsumer(mirror, ERRORS.mirror)
  checkOneKindOfFilter(mirror, ERRORS.mirror)
  // A marker would take a sequence of the origin's.
  if ((config.subject_delete_marker_ttl ?? 0) > 0) {
    throw apiError('JSStreamInvalidConfigF', { err: 'subject delete markers forbidden on mirrors' })
  }
  const transforms = mirror.subject_transforms ?? []
  checkTransforms(transforms, ERRORS.mirror)
  checkOverlaps(transforms, subjectsCollide, ERRORS.mirror)
  if (mirror.external !== undefined) return
  if (!isAssetName(mirror.name)) throw apiError('JSMirrorInvalidStreamName')
  const origin = find(mirror.name)
  if (origin === undefined) return
  checkSize(config, origin, ERRORS.mirror)
  const isDirect = origin.allow_direct === true
  if (pedantic && (config.mirror_direct ?? false) !== isDirect) {
    throw apiError('JSPedanticErrF', { err: 'origin stream has direct get set, mirror has it disabled' })
  }
  config.mirror_direct = isDirect
}

function checkSources(config: StreamConfig, sources: StreamSource[], find: FindConfig): void {
  if (sources.length > 0 && config.allow_msg_schedules) throw apiError('JSSourceWithMsgSchedulesErr')
  const keys = new Set<string>()
  const consumers = new Set<string>()
  for (const source of sources) {
    if (!isAssetName(source.name)) throw apiError('JSSourceInvalidStreamName')
    const key = originKey(source)
    if (keys.has(key)) throw apiError('JSSourceDuplicateDetected')
    keys.add(key)
    checkOneKindOfFilter(source, ERRORS.source)
    const transforms = source.subject_transforms ?? []
    checkTransforms(transforms, ERRORS.source)
    checkOverlaps(transforms, isSubset, ERRORS.source)
    checkConsumer(source, ERRORS.source)
    if (source.consumer !== undefined) {
      const consumer = consumerKeyOf(source)
      if (consumers.has(consumer)) throw apiError('JSSourceDurableConsumerDuplicateDetected')
      consumers.add(consumer)
    }
    const origin = source.external === undefined ? find(source.name) : undefined
    if (origin !== undefined) checkSize(config, origin, ERRORS.source)
  }
}

function checkOneKindOfFilter(source: StreamSource, errors: Errors): void {
  if (source.filter_subject && (source.subject_transforms ?? []).length > 0) throw apiError(errors.filters)
}

function checkTransforms(transforms: readonly SubjectTransform[], errors: Errors): void {
  for (const { src, dest } of transforms) {
    if (src !== '' && !isValidSubject(src)) throw apiError(errors.filter, { err: `invalid subject ${src}` })
    try {
      checkMapping(src, dest)
    } catch (error) {
      if (!(error instanceof TransformError)) throw error
      throw apiError(errors.destination, { err: error.message })
    }
  }
}

function checkOverlaps(
  transforms: readonly SubjectTransform[],
  overlap: (left: string, right: string) => boolean,
  errors: Errors,
): void {
  for (const [i, { src }] of transforms.entries()) {
    for (const [j, other] of transforms.entries()) {
      if (i !== j && overlap(src, other.src)) throw apiError(errors.overlap)
    }
  }
}

/** A consumer made beforehand knows where to begin and what to deliver. */
function checkConsumer(source: StreamSource, errors: Errors): void {
  const { consumer } = source
  if (consumer === undefined) return
  const isGood =
    isAssetName(consumer.name ?? '') &&
    isLiteralSubject(consumer.deliver_subject ?? '') &&
    !source.opt_start_seq &&
    source.opt_start_time === undefined &&
    !source.filter_subject
  if (!isGood) throw apiError(errors.consumer)
}

function checkSize(config: StreamConfig, origin: StreamConfig, errors: Errors): void {
  const own = config.max_msg_size ?? -1
  const theirs = origin.max_msg_size ?? -1
  if (own > 0 && theirs > 0 && own < theirs) throw apiError(errors.size)
}

function checkPrefixes(config: StreamConfig, find: FindConfig): void {
  const all = originsOf(config)
  const subjects = all.flatMap((source) =>
    source.external === undefined ? (find(source.name)?.subjects ?? []) : [],
  )
  for (const { external } of all) {
    if (!external?.deliver) continue
    const prefix = external.deliver
    if (!isLiteralSubject(prefix)) {
      throw apiError('JSStreamInvalidExternalDeliverySubjErrF', { prefix })
    }
    const met = subjects.find((subject) => subjectsCollide(subject, `${prefix}.${subject}`))
    if (met !== undefined) throw apiError('JSStreamExternalDelPrefixOverlapsErrF', { prefix, subject: met })
  }
  for (const { external } of all) {
    if (!external?.api) continue
    const prefix = external.api
    if (!isLiteralSubject(prefix)) {
      const err = `stream external api prefix ${JSON.stringify(prefix)} must be a valid subject without wildcards`
      throw apiError('JSStreamInvalidConfigF', { err })
    }
    if (subjectsCollide(prefix, API))
      throw apiError('JSStreamExternalApiOverlapErrF', { prefix, subject: API })
  }
}

/** Do messages come back to where they came from? */
function checkCycles(config: StreamConfig, find: FindConfig): void {
  const seen = new Set<string>()
  const toVisit = [config]
  const meets = ({ subjects = [] }: StreamConfig, filter = ''): boolean =>
    filter === '' || subjects.some((subject) => subjectsCollide(subject, filter))
  for (let at = 0; at < toVisit.length; at++) {
    const visited = toVisit[at]
    seen.add(visited.name)
    const { mirror } = visited
    for (const source of [...(visited.sources ?? []), ...(mirror === undefined ? [] : [mirror])]) {
      if (source.external !== undefined) continue
      if (!seen.has(source.name)) {
        const next = find(source.name)
        if (next !== undefined && !toVisit.includes(next)) toVisit.push(next)
      } else if (source === mirror || meets(visited, source.filter_subject)) {
        throw apiError('JSStreamInvalidConfigF', { err: 'detected cycle' })
      }
    }
  }
}

function isAssetName(name: string): boolean {
  return name !== '' && !NOT_IN_NAMES.test(name)
}
