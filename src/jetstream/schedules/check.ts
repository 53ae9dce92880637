/** Is a published message a schedule, or the end of one, and one that the stream takes? */
import type { Message } from '../../core/index.ts'
import { isLiteralSubject, subjectsCollide } from '../../subjects/index.ts'
import { type ApiError, apiError } from '../config/errors.ts'
import { headerValue, readHeaderLines } from '../headers/header-lines.ts'
import { type PublishHeaders, SCHEDULE, SCHEDULE_NEXT, SCHEDULER } from '../headers/publish-headers.ts'
import { parseTtlMs } from '../headers/ttl.ts'
import type { StreamLog } from '../stream/stream-log.ts'
import { PURGE } from './generate.ts'
import { parsePattern, turnAfter } from './pattern.ts'
import type { Schedules } from './schedules.ts'
import { TimeZone } from './time-zone.ts'

/** null when there is nothing to say against it. */
export function checkSchedule(
  headers: PublishHeaders,
  message: Message,
  stream: StreamLog,
  schedules: Schedules,
): ApiError | null {
  if (headers.has(SCHEDULE)) {
    const error = checkDefinition(headers, message, stream)
    if (error !== null) return error
  }
  if (headers.has(SCHEDULE_NEXT)) return checkEnd(headers, message, stream, schedules)
  return headers.has(SCHEDULER) ? apiError('JSMessageSchedulesSchedulerInvalidErr') : null
}

function checkDefinition(headers: PublishHeaders, message: Message, stream: StreamLog): ApiError | null {
  const { config } = stream
  if (!config.allow_msg_schedules) return apiError('JSMessageSchedulesDisabledErr')
  const lines = readHeaderLines(message.body, message.bodyStart, message.headerLength)
  const zoneName = headerValue(lines, 'Nats-Schedule-Time-Zone')
  const zone = zoneName === null ? null : TimeZone.named(zoneName)
  if (zoneName !== null && zone === null) return apiError('JSMessageSchedulesTimeZoneInvalidErr')
  const pattern = parsePattern(headers.text(SCHEDULE), zone)
  const nowMs = stream.clock.now()
  if (pattern === null || turnAfter(pattern, nowMs, nowMs) === null) {
    return apiError('JSMessageSchedulesPatternInvalidErr')
  }
  const ttl = headerValue(lines, 'Nats-Schedule-TTL') ?? ''
  if (ttl !== '' && parseTtlMs(ttl) === null) return apiError('JSMessageSchedulesTTLInvalidErr')
  const rollup = headerValue(lines, 'Nats-Schedule-Rollup') ?? ''
  if (rollup !== '' && rollup !== 'sub') return apiError('JSMessageSchedulesRollupInvalidErr')
  if (ttl !== '' && !config.allow_msg_ttl) return apiError('JSMessageTTLDisabledErr')
  const subject = message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
  const target = headerValue(lines, 'Nats-Schedule-Target') ?? ''
  if (target === subject || !isLiteralSubject(target)) return apiError('JSMessageSchedulesTargetInvalidErr')
  const source = headerValue(lines, 'Nats-Schedule-Source') ?? ''
  if (source !== '' && (source === target || source === subject || !isLiteralSubject(source))) {
    return apiError('JSMessageSchedulesSourceInvalidErr')
  }
  const subjects = config.subjects ?? []
  if (!subjects.some((own) => subjectsCollide(own, target)))
    return apiError('JSMessageSchedulesTargetInvalidErr')
  if (source !== '' && !subjects.some((own) => subjectsCollide(own, source))) {
    return apiError('JSMessageSchedulesSourceInvalidErr')
  }
  const own = headerValue(lines, 'Nats-Rollup') ?? ''
  return own !== '' && own.toLowerCase() !== 'sub' ? apiError('JSMessageSchedulesRollupInvalidErr') : null
}

/** A message that ends the schedule it names. */
function checkEnd(
  headers: PublishHeaders,
  message: Message,
  stream: StreamLog,
  schedules: Schedules,
): ApiError | null {
  const invalid = apiError('JSMessageSchedulesSchedulerInvalidErr')
  if (headers.text(SCHEDULE_NEXT) !== PURGE || !headers.has(SCHEDULER)) return invalid
  const scheduler = headers.text(SCHEDULER)
  const subject = message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
  if (scheduler === subject || !isLiteralSubject(scheduler)) return invalid
  if (!stream.config.allow_msg_schedules) return apiError('JSMessageSchedulesDisabledErr')
  // What is there must be a schedule; where there is nothing, nothing ends.
  const bytes = Buffer.from(scheduler)
  const isThere = stream.log.lastSeqOf(bytes, 0, bytes.length) > 0
  return isThere && !schedules.has(scheduler) ? invalid : null
}
