import { subjectFilter } from '../../subjects/index.ts'
import { decodeRequest } from '../json/decode.ts'
import { Slices, sortInSlices } from '../slices.ts'
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

/** Subjects looked at between two looks at the clock. */
const AT_ONCE = 4096

/** `STREAM.INFO.<stream>`; with `subjects_filter` the number of messages of each subject that matches, in pages. */
export async function streamInfoRequest(request: ApiRequest): Promise<object> {
  let asked: InfoRequest = {}
  if (hasJson(request.body)) asked = decodeRequest(request.body, FIELDS, 'JSApiStreamInfoRequest')
  const stream = streamNamed(request)
  const page = { total: 0, offset: 0, limit: 0 }
  const details: StateDetails = { deleted: asked.deleted_details }
  if (asked.subjects_filter) {
    const subjects = await subjectCounts(stream, asked.subjects_filter)
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

async function subjectCounts(stream: Stream, pattern: string): Promise<[string, number][]> {
  const { log } = stream
  const filter = subjectFilter([pattern])
  const subjects: [string, number][] = []
  const add = (subject: string, count: number): void => {
    subjects.push([subject, count])
  }
  if (filter.literal !== null || log.subjectSlots < AT_ONCE) log.eachSubject(filter, add)
  else {
    const slices = new Slices()
    for (let slot = 0; slot < log.subjectSlots; slot += AT_ONCE) {
      log.eachSubjectOf(filter, slot, slot + AT_ONCE, add)
      if (slices.isOver) await slices.next()
    }
  }
  return sortInSlices(subjects, ([a], [b]) => (a < b ? -1 : 1), new Slices())
}
