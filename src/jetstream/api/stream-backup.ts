import { apiError } from '../errors.ts'
import { type ApiRequest, isEmptyRequest, streamNamed } from './request.ts'

/** `STREAM.SNAPSHOT.<stream>`: backups are not served yet. */
export function snapshotStream(request: ApiRequest): never {
  if (isEmptyRequest(request.body)) throw apiError('JSBadRequestErr')
  streamNamed(request)
  throw apiError('JSStreamSnapshotErrF', { err: 'not supported by this server' })
}

/** `STREAM.RESTORE.<stream>`: nor is restoring them. */
export function restoreStream(request: ApiRequest): never {
  if (isEmptyRequest(request.body)) throw apiError('JSBadRequestErr')
  throw apiError('JSStreamRestoreErrF', { err: 'not supported by this server' })
}
