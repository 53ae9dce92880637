import { isLiteralSubject } from '../../subjects/index.ts'
import { storedConfig } from '../account/stream-info.ts'
import { Restore } from '../backup/restore.ts'
import { Snapshot, type SnapshotRequest } from '../backup/snapshot.ts'
import { apiError } from '../config/errors.ts'
import type { Fields } from '../config/json/decode.ts'
import { checkStreamConfig } from '../config/stream/check.ts'
import { STREAM_FIELDS } from '../config/stream/fields.ts'
import { stampStreamMetadata } from '../config/stream/metadata.ts'
import type { StreamConfig } from '../config/types.ts'
import { readRequest } from './read-request.ts'
import { type ApiRequest, isEmptyRequest, streamNamed } from './request.ts'

const SNAPSHOT_FIELDS: Fields = {
  deliver_subject: 'string',
  no_consumers: 'bool',
  chunk_size: 'int',
  window_size: 'int',
  jsck: 'bool',
}
const RESTORE_FIELDS: Fields = {
  config: { fields: STREAM_FIELDS, type: 'StreamConfig' },
  state: 'any',
}

/** `STREAM.SNAPSHOT.<stream>`: the answer has configuration and state; the backup follows on the subject that was named. */
export function snapshotStream(request: ApiRequest): object {
  if (isEmptyRequest(request.body)) throw apiError('JSBadRequestErr')
  const stream = streamNamed(request)
  const asked = readRequest<SnapshotRequest>(request, SNAPSHOT_FIELDS, 'JSApiStreamSnapshotRequest')
  if (!isLiteralSubject(asked.deliver_subject ?? '')) throw apiError('JSSnapshotDeliverSubjectInvalidErr')
  const snapshot = new Snapshot(stream, request.origin, asked)
  // Behind the answer, which is sent when all that was stored before is durable.
  const send = () => void snapshot.send().catch(stream.host.bus.fault)
  stream.host.store.barrier(() => stream.clock.setTimer(send, 0))
  return { config: storedConfig(stream), state: snapshot.state }
}

/** `STREAM.RESTORE.<stream>`: the answer says where the chunks go. */
export function restoreStream(request: ApiRequest): object {
  if (isEmptyRequest(request.body)) throw apiError('JSBadRequestErr')
  const { account } = request
  const { config: asked = { name: '' } as StreamConfig } = readRequest<{ config?: StreamConfig }>(
    request,
    RESTORE_FIELDS,
    'JSApiStreamRestoreRequest',
  )
  asked.name ||= request.tokens[0]
  if (asked.name !== request.tokens[0]) throw apiError('JSStreamMismatchErr')
  if (/[\\/]/.test(asked.name)) throw apiError('JSStreamNameContainsPathSeparatorsErr')
  stampStreamMetadata(asked)
  const config = checkStreamConfig(asked, account.host.limits, false, account.view)
  if ((config.num_replicas ?? 1) > 1) throw apiError('JSStreamReplicasNotSupportedErr')
  if (account.streams.has(config.name) || account.restoring.has(config.name)) {
    throw apiError('JSStreamNameExistRestoreFailedErr')
  }
  if (account.overlaps(config, null)) throw apiError('JSStreamSubjectOverlapErr')
  account.checkNew(config)
  return { deliver_subject: new Restore(account, config, request.origin).deliverSubject }
}
