import { subjectFilter } from '../../subjects/index.ts'
import type { Stream } from '../account/stream.ts'
import { deletedOf, ledStreamInfo, type StateDetails } from '../account/stream-info.ts'
import { decodeRequest } from '../config/json/decode.ts'
import { JsonText } from '../config/json/encode.ts'
import { Slices, sortInSlices } from '../stream/slices.ts'
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
  const details: StateDetails = {}
  if (asked.subjects_filter) {
    const subjects = await subjectCounts(stream, asked.subjects_filter)
    if (subjects.length > 0) {
      page.total = subjects.length
      page.limit = PAGE_LIMITS.subjects
      page.offset = Math.max(asked.offset ?? 0, 0)
      const shown = subjects.slice(page.offset, page.offset + PAGE_LIMITS.subjects)
      if (shown.length > 0) details.subjects = await encodeCounts(shown)
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
async function encodeCounts(shown: [string, number][]): Promise<JsonText> {
  const slices = new Slices()
  let text = '{'
  for (const [at, [subject, count]] of shown.entries()) {
    text += `${at === 0 ? '' : ','}${JSON.stringify(subject)}:${count}`
    if (at % AT_ONCE === 0 && slices.isOver) await slices.next()
  }
  return new JsonText(`${text}}`)
}

async function subjectCounts(stream: Stream, pattern: string): Promise<[string, number][]> {
  const { log } = stream
  const filter = subjectFilter([pattern])
  const subjects: [string, number][] = []
  const add = (subject: string, count: number): void => {
    subjects.push([subject, count])
  }
  const slices = new Slices()
  const slots = log.slotsOf(filter)
  // Of those that come or go meanwhile some may be told of and some not.
  for (let at = 0; at < (slots === null ? log.subjectSlots : slots.length); at++) {
    log.visitSlot(slots === null ? at : slots[at], filter, add)
    if (at % AT_ONCE === 0 && slices.isOver) await slices.next()
  }
  return sortInSlices(subjects, ([a], [b]) => (a < b ? -1 : 1), new Slices())
}
