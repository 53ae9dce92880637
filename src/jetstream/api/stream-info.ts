import { SubjectCounts } from '../../storage/index.ts'
import { subjectFilter } from '../../subjects/index.ts'
import type { Stream } from '../account/stream.ts'
import { deletedOf, ledStreamInfo, type StateDetails } from '../account/stream-info.ts'
import { JsonText } from '../config/json/encode.ts'
import { Slices, sortInSlices } from '../stream/slices.ts'
import { readRequest } from './read-request.ts'
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
  if (hasJson(request.body)) asked = readRequest(request, FIELDS, 'JSApiStreamInfoRequest')
  const stream = streamNamed(request)
  const page = { total: 0, offset: 0, limit: 0 }
  const details: StateDetails = {}
  if (asked.subjects_filter) {
    const subjects = new SubjectCounts()
    const order = await listSubjects(stream, asked.subjects_filter, subjects)
    if (order.length > 0) {
      page.total = order.length
      page.limit = PAGE_LIMITS.subjects
      page.offset = Math.max(asked.offset ?? 0, 0)
      const shown = order.slice(page.offset, page.offset + PAGE_LIMITS.subjects)
      if (shown.length > 0) details.subjects = await encodeCounts(subjects, shown)
    }
  }
  // The last, so that it fits to what else is told.
  if (asked.deleted_details) details.deleted = await encodeNumbers(deletedOf(stream))
  return { ...page, ...ledStreamInfo(stream, details) }
}

async function encodeNumbers(numbers: readonly number[]): Promise<JsonText> {
  const slices = new Slices()
  const parts: string[] = []
  for (let at = 0; at < numbers.length; at += AT_ONCE) {
    parts.push(numbers.slice(at, at + AT_ONCE).join(','))
    if (slices.isOver) await slices.next()
  }
  return new JsonText(`[${parts.join(',')}]`)
}

/** The object that it would be, whose making would take most of the time. */
async function encodeCounts(subjects: SubjectCounts, shown: readonly number[]): Promise<JsonText> {
  const slices = new Slices()
  const parts: string[] = []
  for (let at = 0; at < shown.length; at += AT_ONCE) {
    const some = shown.slice(at, at + AT_ONCE)
    parts.push(some.map((each) => `${JSON.stringify(subjects.text(each))}:${subjects.count(each)}`).join(','))
    if (slices.isOver) await slices.next()
  }
  return new JsonText(`{${parts.join(',')}}`)
}

/** Lists the subjects that match; resolves to their places in the list in the order of their bytes. */
async function listSubjects(stream: Stream, pattern: string, subjects: SubjectCounts): Promise<number[]> {
  const { log } = stream
  const filter = subjectFilter([pattern])
  const slices = new Slices()
  const slots = log.slotsOf(filter)
  // Of those that come or go meanwhile some may be told of and some not.
  for (let at = 0; at < (slots === null ? log.subjectSlots : slots.length); at++) {
    log.listSlot(slots === null ? at : slots[at], filter, subjects)
    if (at % AT_ONCE === 0 && slices.isOver) await slices.next()
  }
  const order: number[] = []
  for (let at = 0; at < subjects.size; at++) order.push(at)
  return sortInSlices(order, (a, b) => subjects.compare(a, b), new Slices())
}
