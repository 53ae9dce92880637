import { RecordView } from '../../storage/index.ts'
import { subjectFilter } from '../../subjects/index.ts'
import type { Stream } from '../account/stream.ts'
import { readRecord } from '../stream/read-record.ts'
import type { DirectAnswer } from './direct-answer.ts'
import { filterOf, type MessageSelection, seqOfTime } from './message-selection.ts'

/** Subjects that a request for several last messages may match. */
const MAX_RESULTS = 1024

function maxBytes(stream: Stream, wanted: MessageSelection): number {
  return wanted.max_bytes || stream.host.bus.limits.maxPendingBytes
}

function sizeOf(view: RecordView): number {
  return view.subjectEnd - view.subjectStart + view.bodyEnd - view.bodyStart
}

function pendingHeaders(pending: number, lastSeq: number): string {
  return `Nats-Num-Pending: ${pending}\r\nNats-Last-Sequence: ${lastSeq}\r\n`
}

/** Up to `batch` messages from a sequence or time on, then the status 204. */
export async function directBatch(
  stream: Stream,
  wanted: MessageSelection,
  answer: DirectAnswer,
): Promise<void> {
  const { log } = stream
  const filter = filterOf(wanted.next_by_subj ?? '')
  const from = wanted.start_time === undefined ? (wanted.seq ?? 0) : seqOfTime(log, wanted.start_time)
  const mostBytes = maxBytes(stream, wanted)
  const view = new RecordView()
  let pending = log.count(filter, Math.max(from, 1))
  let lastSeq = 0
  let sentBytes = 0
  let sent = 0
  for (
    let seq = log.next(filter, Math.max(from, 1));
    seq > 0 && sent < (wanted.batch ?? 1) && sentBytes < mostBytes;
    seq = log.next(filter, seq + 1)
  ) {
    if (!(await readRecord(log, seq, view))) continue
    if (pending > 0) pending--
    answer.message(stream, view, wanted.no_hdr === true ? null : pendingHeaders(pending, lastSeq))
    lastSeq = seq
    sentBytes += sizeOf(view)
    sent++
  }
  // A negative batch asks for none of what there is.
  const isNone = sent === 0 && !((wanted.batch ?? 1) < 0 && pending > 0)
  if (isNone) answer.status('404 Message Not Found')
  else answer.status('204 EOB', pendingHeaders(pending, lastSeq))
}

/** The last message of each subject that matches, as of a sequence or time, in order; then the status 204. */
export async function directMultiLast(
  stream: Stream,
  wanted: MessageSelection,
  answer: DirectAnswer,
): Promise<void> {
  const { log } = stream
  let upTo = Math.min(wanted.up_to_seq || log.committedSeq, log.committedSeq)
  if (wanted.up_to_time !== undefined) {
    upTo = seqOfTime(log, wanted.up_to_time)
    if (upTo <= log.firstSeq) return answer.status('404 No Results')
    upTo--
  }
  const shownUpTo = wanted.up_to_time === undefined && wanted.up_to_seq ? wanted.up_to_seq : upTo
  const from = wanted.seq ?? 0
  const filter = subjectFilter(wanted.multi_last as string[])
  // One pass back from there: it ends when there are more subjects than may be asked for.
  const seqs = log.lastOfEach(filter, upTo, MAX_RESULTS).filter((seq) => seq >= from)
  if (seqs.length > MAX_RESULTS) return answer.status('413 Too Many Results')
  if (seqs.length === 0) return answer.status('404 No Results')
  seqs.sort((a, b) => a - b)
  const mostBytes = maxBytes(stream, wanted)
  const view = new RecordView()
  let pending = seqs.length
  let lastSeq = 0
  let sentBytes = 0
  let sent = 0
  for (const seq of seqs) {
    if (!(await readRecord(log, seq, view))) continue
    pending--
    answer.message(stream, view, pendingHeaders(pending, lastSeq))
    lastSeq = seq
    sentBytes += sizeOf(view)
    sent++
    if (sentBytes >= mostBytes || sent === wanted.batch) break
  }
  answer.status('204 EOB', `${pendingHeaders(pending, lastSeq)}Nats-UpTo-Sequence: ${shownUpTo}\r\n`)
}
