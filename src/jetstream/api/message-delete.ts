import { apiError } from '../errors.ts'
import { decodeRequest } from '../json/decode.ts'
import { type ApiRequest, streamNamed } from './request.ts'

const FIELDS = { seq: 'uint64', no_erase: 'bool' } as const

/** `STREAM.MSG.DELETE.<stream>`. */
export function deleteMessage(request: ApiRequest): object {
  if (request.body.trim() === '') throw apiError('JSBadRequestErr')
  const asked = decodeRequest<{ seq?: number; no_erase?: boolean }>(
    request.body,
    FIELDS,
    'JSApiMsgDeleteRequest',
  )
  const { seq = 0 } = asked
  const stream = streamNamed(request)
  if (stream.config.sealed) throw apiError('JSStreamSealedErr')
  if (stream.config.deny_delete) {
    throw apiError('JSStreamMsgDeleteFailedF', { err: 'message delete not permitted' })
  }
  if (seq === 0) throw apiError('JSStreamMsgDeleteFailedF', { err: 'no message found' })
  if (!stream.remove(seq)) throw apiError('JSSequenceNotFoundErrF', { seq })
  return { success: true }
}
