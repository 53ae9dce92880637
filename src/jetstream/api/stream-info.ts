import { subjectFilter } from '../../subjects/index.ts'
import { decodeRequest } from '../json/decode.ts'
import type { Stream } from '../stream.ts'
import { ledStreamInfo, type StateDetails } from '../stream-info.ts'
import { type ApiRequest, hasJson, PAGE_LIMITS, streamNamed } from './request.ts'

interface InfoRequest {
  deleted_details?: boolean
  subjects_filter?: string
  offset?: number
}

const FIELDS = {
  offset: { embedded: 'ApiPagedRequest', kind: 'int' },
  deleted_details: 'bool',
  subjects_filter: 'string',
} as const

/** `STREAM.INFO.<stream>`; with `subjects_filter` the number of messages of each subject that matches, in pages. */
export function streamInfoRequest(request: ApiRequest): object {
  let asked: InfoRequest = {}
  if (hasJson(request.body)) asked = decodeRequest(request.body, FIELDS, 'JSApiStreamInfoRequest')
  const stream = streamNamed(request)
  const page = { total: 0, offset: 0, limit: 0 }
  const details: StateDetails = { deleted: asked.deleted_details }
  if (asked.subjects_filter) {
    const subjects = subjectCounts(stream, asked.subjects_filter)
    if (subjects.length > 0) {
      page.total = subjects.length
      page.limit = PAGE_LIMITS.subjects
      page.offset = Math.max(asked.offset ?? 0, 0)
      const shown = subjects.slice(page.offset, page.offset + PAGE_LIMITS.subjects)
      if (shown.length > 0) details.subjects = Object.fromEntries(shown)
    }
  }
  return { ...page, ...ledStreamInfo(stream, details) }
}

function subjectCounts(stream: Stream, pattern: string): [string, number][] {
  const subjects: [string, number][] = []
  stream.log.eachSubject(subjectFilter([pattern]), (subject, count) => subjects.push([subject, count]))
  return subjects.sort(([a], [b]) => (a < b ? -1 : 1))
}
