import { apiError } from '../config/errors.ts'
import { readRequest } from './read-request.ts'
import { type ApiRequest, isEmptyRequest, streamNamed } from './request.ts'

const FIELDS = { seq: 'uint64', no_erase: 'bool' } as const

/** `STREAM.MSG.DELETE.<stream>`. */
export function deleteMessage(request: ApiRequest): object {
  if (isEmptyRequest(request.body)) throw apiError('JSBadRequestErr')
  const asked = readRequest<{ seq?: number; no_erase?: boolean }>(request, FIELDS, 'JSApiMsgDeleteRequest')
  const { seq = 0 } = asked
  const stream = streamNamed(request)
  if (stream.config.sealed) throw apiError('JSStreamSealedErr')
  if (stream.config.deny_delete) throw failed('message delete not permitted')
  const { log } = stream
  const isBefore = seq < log.firstSeq
  const isBehind = seq > log.lastSeq
  if (stream.remove(seq)) return { success: true }
  // nats-server's two kinds of storage say it differently.
  if (!log.inMemory && isBefore) throw failed('no message found')
  if (!log.inMemory && isBehind) throw failed('stream store EOF')
  throw apiError('JSSequenceNotFoundErrF', { seq })
}

function failed(err: string): Error {
  return apiError('JSStreamMsgDeleteFailedF', { err })
}
