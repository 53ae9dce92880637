import { ReadFailure, RecordView } from '../../storage/index.ts'
import type { Stream } from '../account/stream.ts'
import { decodeRequest, LENIENT } from '../config/json/decode.ts'
import { API_LEVEL } from '../config/stream/metadata.ts'
import { headerOf } from '../headers/header-of.ts'
import { readRecord } from '../stream/read-record.ts'
import { DirectAnswer } from './direct-answer.ts'
import { directBatch, directMultiLast } from './direct-batch.ts'
import { type MessageSelection, SELECTION_FIELDS, selectOne } from './message-selection.ts'
import type { ApiRequest } from './request.ts'

/** Here, unlike in the rest of the API, unknown fields are ignored. */
const FIELDS = { ...SELECTION_FIELDS, [LENIENT]: true } as const

/**
 * `DIRECT.GET.<stream>` with a request in the body, and `DIRECT.GET.<stream>.<subject>` for the last message of a
 * subject (ADR-31). The answer is the message itself, with headers that say which it is. Where the stream doesn't allow
 * it nobody answers, so the client is told that.
 */
export function directGet(request: ApiRequest): void {
  if (request.reply === '') return
  const stream = whoAnswers(request)
  const answer = new DirectAnswer(request)
  if (stream === null) {
    answer.status('503', `Nats-Subject: ${request.subject}\r\n`)
    return
  }
  const level = headerOf(request.headers, 'Nats-Required-Api-Level')
  if (level !== '' && !(Number(level) <= API_LEVEL)) {
    answer.status('412 Required Api Level')
    return
  }
  const wanted =
    request.tokens.length === 1 ? wantedInBody(request, answer) : wantedInSubject(request, answer)
  if (wanted === null) return
  const serve = (): void => {
    serveDirect(stream, wanted, answer).catch((error: Error) =>
      answer.status(error instanceof ReadFailure ? '500 Store Can Not Be Read' : `500 ${error.message}`),
    )
  }
  const { store } = stream.host
  if (store.isHeldUp) serve()
  else store.barrier(serve)
}

/** The stream, or one of its mirrors: each of them as likely as the others. null: nobody. */
function whoAnswers({ account, tokens }: ApiRequest): Stream | null {
  const [name] = tokens
  const stream = account.streams.get(name)
  const able = stream?.config.allow_direct ? [stream] : []
  for (const copy of account.streams.copiesOf(name)) if (copy.origins.answersFor(name)) able.push(copy)
  return able.length === 0 ? null : able[Math.floor(Math.random() * able.length)]
}

async function serveDirect(stream: Stream, wanted: MessageSelection, answer: DirectAnswer): Promise<void> {
  if ((wanted.multi_last ?? []).length > 0) return directMultiLast(stream, wanted, answer)
  if ((wanted.batch ?? 0) !== 0) return directBatch(stream, wanted, answer)
  const { log } = stream
  const view = new RecordView()
  const seq = selectOne(log, wanted)
  if (seq === 0 || !(await readRecord(log, seq, view))) return answer.status('404 Message Not Found')
  answer.message(stream, view, wanted.no_hdr === true ? null : '')
}

function decode(body: string): MessageSelection | null {
  try {
    return decodeRequest<MessageSelection>(body, FIELDS, 'JSApiMsgGetRequest')
  } catch {
    return null
  }
}

function wantedInBody(request: ApiRequest, answer: DirectAnswer): MessageSelection | null {
  const wanted = request.body === '' ? {} : decode(request.body)
  if (wanted === null) {
    answer.status('408 Malformed Request')
    return null
  }
  const { seq = 0, last_by_subj: last = '', next_by_subj: next = '', start_time: time, batch = 0 } = wanted
  const isMulti = (wanted.multi_last ?? []).length > 0
  if (seq === 0 && last === '' && next === '' && !isMulti && time === undefined) {
    answer.status('408 Empty Request')
    return null
  }
  const isBad =
    (seq > 0 && (last !== '' || time !== undefined)) ||
    (last !== '' && (time !== undefined || next !== '' || batch > 0 || isMulti)) ||
    (next !== '' && isMulti) ||
    ((wanted.up_to_seq ?? 0) > 0 && wanted.up_to_time !== undefined)
  if (!isBad) return wanted
  answer.status('408 Bad Request')
  return null
}

function wantedInSubject(request: ApiRequest, answer: DirectAnswer): MessageSelection | null {
  const wanted = request.body === '' ? {} : decode(request.body)
  if (wanted === null) {
    answer.status('408 Malformed Request')
    return null
  }
  const { no_hdr: noHeaders, max_bytes: _ignored, ...others } = wanted
  if (Object.keys(others).length > 0) {
    answer.status('408 Bad Request')
    return null
  }
  return { last_by_subj: request.tokens.slice(1).join('.'), no_hdr: noHeaders }
}
