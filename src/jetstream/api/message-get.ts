import { RecordView } from '../../storage/index.ts'
import { apiError } from '../config/errors.ts'
import { formatTime } from '../config/time-text.ts'
import { readRecord } from '../stream/read-record.ts'
import { type MessageSelection, SELECTION_FIELDS, selectOne } from './message-selection.ts'
import { readRequest } from './read-request.ts'
import { type ApiRequest, isEmptyRequest, streamNamed } from './request.ts'

/** `STREAM.MSG.GET.<stream>`: by `seq`, `last_by_subj`, `next_by_subj` from `seq`, or from `start_time`. */
export async function getMessage(request: ApiRequest): Promise<object> {
  if (isEmptyRequest(request.body)) throw apiError('JSBadRequestErr')
  const wanted = readRequest<MessageSelection>(request, SELECTION_FIELDS, 'JSApiMsgGetRequest')
  const { seq = 0, last_by_subj: last = '', next_by_subj: next = '', start_time: time } = wanted
  const isAmbiguous =
    (seq > 0 && (last !== '' || time !== undefined)) || (last !== '' && (next !== '' || time !== undefined))
  const isEmpty = seq === 0 && last === '' && next === '' && time === undefined
  if (isAmbiguous || isEmpty || (wanted.batch ?? 0) > 0 || (wanted.max_bytes ?? 0) > 0) {
    throw apiError('JSBadRequestErr')
  }
  const { log } = streamNamed(request)
  const found = selectOne(log, wanted)
  const view = new RecordView()
  if (found === 0 || !(await readRecord(log, found, view))) throw apiError('JSNoMessageFoundErr')
  const payloadStart = view.bodyStart + view.headerLength
  const hasHeaders = view.headerLength > 0 && wanted.no_hdr !== true
  return {
    message: {
      subject: view.buffer.toString('utf8', view.subjectStart, view.subjectEnd),
      seq: view.seq,
      ...(hasHeaders ? { hdrs: view.buffer.toString('base64', view.bodyStart, payloadStart) } : {}),
      ...(payloadStart < view.bodyEnd
        ? { data: view.buffer.toString('base64', payloadStart, view.bodyEnd) }
        : {}),
      time: formatTime(view.sec, view.nsec),
    },
  }
}
