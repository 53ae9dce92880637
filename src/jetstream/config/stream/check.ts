import { isSubset, isValidSubject, subjectsCollide } from '../../../subjects/index.ts'
import { checkMaxBytes, type JetStreamAccountLimits, NO_ACCOUNT_LIMITS } from '../account-limits.ts'
import { apiError } from '../errors.ts'
import { formatDuration } from '../go-duration.ts'
import type { JetStreamLimits } from '../limits.ts'
import { MAX_SEQUENCE, sequenceRange } from '../ranges.ts'
import type { StreamConfig } from '../types.ts'
import { checkRepublish, checkTransform } from './mappings.ts'
import { checkOrigins, type FindConfig } from './origins.ts'

/** Limits of a stream's configuration. */
export const STREAM_LIMITS = {
  nameLength: 255,
  descriptionBytes: 4 * 1024,
  metadataBytes: 128 * 1024,
  replicas: 5,
  smallestAgeNs: 100e6,
  smallestWindowNs: 100e6,
} as const

/** Defaults of a stream's configuration. */
export const STREAM_DEFAULTS = {
  duplicateWindowNs: 120e9,
} as const

const NOT_IN_NAMES = /[ \t\r\n\f.*>\\/]/

/** Is it a name for a stream? */
export function isStreamName(name: string): boolean {
  return name !== '' && !NOT_IN_NAMES.test(name)
}

export function invalidConfig(err: string): Error {
  return apiError('JSStreamInvalidConfigF', { err })
}

/** What of an account a configuration is checked against. */
export interface AccountView {
  /** Null: none that is for streams here. */
  readonly limits: JetStreamAccountLimits | null
  /** The other streams. */
  readonly configOf: FindConfig
}

const NOTHING_ELSE: AccountView = { limits: NO_ACCOUNT_LIMITS, configOf: () => undefined }

/**
 * Refuses what nats-server refuses, with its error, and returns the configuration with its defaults. `pedantic`:
 * refuses what would have to be corrected.
 */
export function checkStreamConfig(
  asked: StreamConfig,
  server: JetStreamLimits,
  pedantic = false,
  account: AccountView = NOTHING_ELSE,
): StreamConfig {
  const config = { ...asked }
  checkName(config)
  applyDefaults(config, pedantic)
  checkAges(config, server.duplicateWindow * 1e6, pedantic)
  checkFirstSequence(config)
  checkCombinations(config, pedantic)
  checkOrigins(config, account.configOf, pedantic)
  checkSubjects(config)
  if (account.limits !== null) checkMaxBytes(config, account.limits)
  checkTransform(config)
  checkRepublish(config, pedantic)
  checkPlacement(config)
  return config
}

function checkName(config: StreamConfig): void {
  const { name } = config
  if (!isStreamName(name)) {
    throw invalidConfig("stream name is required and can not contain '.', '*', '>', '\\', '/'")
  }
  if (Buffer.byteLength(name) > STREAM_LIMITS.nameLength) {
    throw invalidConfig(`stream name is too long, maximum allowed is ${STREAM_LIMITS.nameLength}`)
  }
  if (Buffer.byteLength(config.description ?? '') > STREAM_LIMITS.descriptionBytes) {
    throw invalidConfig(
      `stream description is too long, maximum allowed is ${STREAM_LIMITS.descriptionBytes}`,
    )
  }
  let bytes = 0
  for (const [key, value] of Object.entries(config.metadata ?? {})) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  if (bytes > STREAM_LIMITS.metadataBytes) {
    throw invalidConfig(`stream metadata exceeds maximum size of ${STREAM_LIMITS.metadataBytes} bytes`)
  }
}

const NO_LIMIT_FIELDS = [
  'max_msgs',
  'max_msgs_per_subject',
  'max_bytes',
  'max_msg_size',
  'max_consumers',
] as const
const SWITCHES = [
  'allow_direct',
  'mirror_direct',
  'sealed',
  'deny_delete',
  'deny_purge',
  'allow_rollup_hdrs',
  'allow_msg_ttl',
] as const

function applyDefaults(config: StreamConfig, pedantic: boolean): void {
  config.retention ??= 'limits'
  config.discard ??= 'old'
  config.storage ??= 'file'
  config.compression ??= 'none'
  config.consumer_limits ??= {}
  for (const field of SWITCHES) config[field] ??= false
  config.num_replicas ||= 1
  if (config.persist_mode !== 'async') delete config.persist_mode
  if (config.num_replicas > STREAM_LIMITS.replicas) {
    throw invalidConfig(`maximum replicas is ${STREAM_LIMITS.replicas}`)
  }
  if (config.num_replicas < 0) throw apiError('JSReplicasCountCannotBeNegative')
  for (const field of NO_LIMIT_FIELDS) {
    const value = config[field] ?? 0
    if (value === 0 || value < -1) {
      if (pedantic && value < -1) throw pedanticError(`${field} must be set to -1`)
      config[field] = -1
    }
  }
}

function checkAges(config: StreamConfig, longestWindowNs: number, pedantic: boolean): void {
  config.max_age ??= 0
  const { max_age: maxAge } = config
  if (maxAge < 0) throw invalidConfig('max age can not be negative')
  if (maxAge !== 0 && maxAge < STREAM_LIMITS.smallestAgeNs)
    throw invalidConfig('max age needs to be >= 100ms')
  if (!config.duplicate_window && config.mirror === undefined && (config.sources ?? []).length === 0) {
    let usual: number = STREAM_DEFAULTS.duplicateWindowNs
    if (longestWindowNs > 0 && longestWindowNs < usual) {
      if (pedantic) throw pedanticError('duplicate window limits are higher than current limits')
      usual = longestWindowNs
    }
    const isShort = maxAge !== 0 && maxAge < usual
    if (isShort && pedantic) throw pedanticError('duplicate window cannot be bigger than max age')
    config.duplicate_window = isShort ? maxAge : usual
  }
  const window = config.duplicate_window ?? 0
  if (window < 0) throw invalidConfig('duplicates window can not be negative')
  if (maxAge !== 0 && window > maxAge) {
    throw invalidConfig('duplicates window can not be larger then max age')
  }
  if (longestWindowNs > 0 && window > longestWindowNs) {
    const limit = formatDuration(longestWindowNs)
    throw invalidConfig(`duplicates window can not be larger then server limit of ${limit}`)
  }
  if (window > 0 && window < STREAM_LIMITS.smallestWindowNs) {
    throw invalidConfig('duplicates window needs to be >= 100ms')
  }
}

/** A stream whose sequences begin above what a record holds could never store a message. */
function checkFirstSequence(config: StreamConfig): void {
  if ((config.first_seq ?? 0) > MAX_SEQUENCE) throw invalidConfig(sequenceRange('first sequence'))
}

function checkCombinations(config: StreamConfig, pedantic: boolean): void {
  if (config.deny_purge && config.allow_rollup_hdrs)
    throw invalidConfig('roll-ups require the purge permission')
  if (config.allow_msg_counter) {
    if (config.discard === 'new') throw invalidConfig('counter stream cannot use discard new')
    if (config.allow_msg_ttl) throw invalidConfig('counter stream cannot use message TTLs')
    if (config.allow_msg_schedules) throw invalidConfig('counter stream cannot use message schedules')
    if (config.retention !== 'limits') throw invalidConfig('counter stream can only use limits retention')
  }
  if (config.discard_new_per_subject) {
    if (config.discard !== 'new') {
      throw invalidConfig('discard new per subject requires discard new policy to be set')
    }
    if ((config.max_msgs_per_subject ?? -1) <= 0) {
      throw invalidConfig('discard new per subject requires max msgs per subject > 0')
    }
  }
  checkMarkerTtl(config, pedantic)
  if (config.allow_msg_schedules) {
    if (config.discard === 'new') throw invalidConfig('message scheduling cannot use discard new')
    if (!config.allow_rollup_hdrs) {
      if (pedantic) throw invalidConfig('message scheduling cannot be set if roll-ups are disabled')
      // A schedule takes the place of the one before it.
      config.allow_rollup_hdrs = true
      config.deny_purge = false
    }
  }
  if (config.persist_mode === 'async') {
    if (config.storage !== 'file') {
      throw invalidConfig('async persist mode is only supported on file storage')
    }
    if ((config.num_replicas ?? 1) > 1) {
      throw invalidConfig('async persist mode is not supported on replicated streams')
    }
    if (config.allow_atomic) {
      throw invalidConfig('async persist mode is not supported with atomic batch publish')
    }
  }
}

function checkMarkerTtl(config: StreamConfig, pedantic: boolean): void {
  const ttl = config.subject_delete_marker_ttl ?? 0
  if (ttl < 0) throw invalidConfig('subject delete marker TTL must not be negative')
  if (ttl === 0) return
  if (ttl < 1e9) throw invalidConfig('subject delete marker TTL must be at least 1 second')
  if (!config.allow_msg_ttl && pedantic) {
    throw invalidConfig('subject delete marker cannot be set if message TTLs are disabled')
  }
  if (!config.allow_rollup_hdrs && pedantic) {
    throw invalidConfig('subject delete marker cannot be set if roll-ups are disabled')
  }
  // What markers need is switched on.
  config.allow_msg_ttl = true
  config.allow_rollup_hdrs = true
  config.deny_purge = false
}

const API_SUBJECTS = ['$JS.>', '$JSC.>', '$NRG.>']

function checkSubjects(config: StreamConfig): void {
  const subjects = config.subjects ?? []
  if (subjects.length === 0) {
    const isCopy = config.mirror !== undefined || (config.sources ?? []).length > 0
    config.subjects = isCopy ? [] : [config.name]
  }
  for (const [i, subject] of subjects.entries()) {
    if (!isValidSubject(subject)) throw invalidConfig('invalid subject')
    if (subject === '>') {
      if (!config.no_ack) throw invalidConfig('capturing all subjects requires no-ack to be true')
      if (config.num_replicas !== 1) throw invalidConfig('capturing all subjects requires replicas of 1')
    }
    if (!config.no_ack) checkReserved(subject)
    for (const other of subjects.slice(i + 1)) {
      if (subjectsCollide(other, subject)) {
        throw invalidConfig(`subject ${JSON.stringify(subject)} overlaps with ${JSON.stringify(other)}`)
      }
    }
  }
}

function checkReserved(subject: string): void {
  const isApi = API_SUBJECTS.some((reserved) => subjectsCollide(subject, reserved))
  if (isApi && !isSubset(subject, '$JS.EVENT.>')) {
    throw invalidConfig('subjects that overlap with jetstream api require no-ack to be true')
  }
  if (subjectsCollide(subject, '$SYS.>') && !isSubset(subject, '$SYS.ACCOUNT.>')) {
    throw invalidConfig('subjects that overlap with system api require no-ack to be true')
  }
}

function checkPlacement(config: StreamConfig): void {
  const { placement } = config
  if (placement === undefined) return
  if (!placement.cluster && !placement.tags && !placement.preferred) config.placement = undefined
  else if (placement.preferred) throw invalidConfig('preferred server not permitted in placement')
}

function pedanticError(err: string): Error {
  return apiError('JSPedanticErrF', { err })
}
