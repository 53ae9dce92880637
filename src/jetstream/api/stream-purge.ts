import { subjectFilter } from '../../subjects/index.ts'
import { apiError } from '../config/errors.ts'
import { MAX_SEQUENCE, sequenceRange } from '../config/ranges.ts'
import { readRequest } from './read-request.ts'
import { type ApiRequest, hasJson, streamNamed } from './request.ts'

const FIELDS = { filter: 'string', seq: 'uint64', keep: 'uint64' } as const

/** `STREAM.PURGE.<stream>`: all, or what matches `filter`; below `seq`, or all but the `keep` newest. */
export async function purgeStream(request: ApiRequest): Promise<object> {
  let asked: { filter?: string; seq?: number; keep?: number } = {}
  if (hasJson(request.body)) asked = readRequest(request, FIELDS, 'JSApiStreamPurgeRequest')
  const { filter = '', seq = 0, keep = 0 } = asked
  if (seq > 0 && keep > 0) throw apiError('JSBadRequestErr')
  const stream = streamNamed(request)
  if (seq > MAX_SEQUENCE) throw apiError('JSStreamPurgeFailedF', { err: sequenceRange('sequence') })
  if (stream.config.sealed) throw apiError('JSStreamSealedErr')
  if (stream.config.deny_purge) throw apiError('JSStreamPurgeFailedF', { err: 'stream purge not permitted' })
  const purged = await stream.purgeInSlices(filter === '' ? null : subjectFilter([filter]), seq, keep)
  return { success: true, purged }
}
