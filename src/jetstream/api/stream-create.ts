import { streamInfo } from '../account/stream-info.ts'
import { apiError } from '../config/errors.ts'
import { checkStreamConfig, invalidConfig } from '../config/stream/check.ts'
import type { StreamConfigRequest } from '../config/stream/fields.ts'
import { stampStreamMetadata } from '../config/stream/metadata.ts'
import { checkOriginFilters } from '../config/stream/origins.ts'
import { isSameStreamConfig, updatedStreamConfig } from '../config/stream/update.ts'
import type { StreamConfig } from '../config/types.ts'
import { readStreamConfig } from './read-request.ts'
import type { ApiRequest } from './request.ts'

/** `STREAM.CREATE.<stream>`. The same configuration again is fine. */
export function createStream(request: ApiRequest): object {
  const { account } = request
  const { pedantic, ...asked } = readStreamConfig(request)
  stampStreamMetadata(asked)
  checkTarget(request, asked)
  if (/[\\/]/.test(asked.name)) throw apiError('JSStreamNameContainsPathSeparatorsErr')
  if (asked.sealed) throw invalidConfig('stream configuration for create can not be sealed')
  if (asked.mirror_direct && asked.mirror === undefined) {
    throw invalidConfig('stream has no mirror but does have mirror direct')
  }
  const config = checkStreamConfig(asked, account.host.limits, pedantic, account.view)
  if ((config.num_replicas ?? 1) > 1) throw apiError('JSStreamReplicasNotSupportedErr')
  account.checkNew(config)
  const existing = account.streams.get(config.name)
  if (existing !== undefined && !isSameStreamConfig(config, existing.config))
    throw apiError('JSStreamNameExistErr')
  if (existing === undefined) checkOriginFilters(config)
  const stream = existing ?? account.createStream(config)
  const info = streamInfo(stream)
  if (existing === undefined) stream.advisories.action('create')
  return { ...info, did_create: true }
}

/** `STREAM.UPDATE.<stream>`. Answered when the stream is within its new limits. */
export function updateStream(request: ApiRequest): object | Promise<object> {
  const { account } = request
  const { pedantic, ...asked }: StreamConfigRequest = readStreamConfig(request)
  checkStreamConfig(asked, account.host.limits, pedantic, account.view)
  checkTarget(request, asked)
  const stream = account.streams.get(asked.name)
  if (stream === undefined) throw apiError('JSStreamNotFoundErr')
  stampStreamMetadata(asked)
  const config = updatedStreamConfig(
    stream.config,
    asked,
    account.host.limits,
    pedantic ?? false,
    account.view,
  )
  account.checkUpdate(stream, config)
  checkConsumerLimits(stream.consumers.values(), stream.config, config)
  if (account.overlaps(config, stream)) throw apiError('JSStreamSubjectOverlapErr')
  stream.update(config)
  const answer = (): object => {
    const info = streamInfo(stream)
    stream.advisories.action('modify')
    return info
  }
  return stream.whenTrimmed()?.then(answer) ?? answer()
}

function checkTarget(request: ApiRequest, asked: StreamConfig): void {
  if (request.tokens[0] !== asked.name) throw apiError('JSStreamMismatchErr')
}

/** Limits for consumers may not become narrower than what a consumer has. */
function checkConsumerLimits(
  consumers: Iterable<{ name: string; config: { inactive_threshold?: number; max_ack_pending?: number } }>,
  before: StreamConfig,
  after: StreamConfig,
): void {
  const old = before.consumer_limits ?? {}
  const { inactive_threshold: inactive = 0, max_ack_pending: pending = 0 } = after.consumer_limits ?? {}
  const isChanged =
    (inactive > 0 && inactive !== old.inactive_threshold) || (pending > 0 && pending !== old.max_ack_pending)
  if (!isChanged) return
  const names: string[] = []
  for (const { name, config } of consumers) {
    const isOver =
      (inactive > 0 && (config.inactive_threshold ?? 0) > inactive) ||
      (pending > 0 && (config.max_ack_pending ?? 0) > pending)
    if (isOver) names.push(name)
  }
  if (names.length > 0) {
    throw apiError('JSStreamUpdateErrF', { err: `change to limits violates consumers: ${names.join(', ')}` })
  }
}
