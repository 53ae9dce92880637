/** What a trace (ADR-41) says of a message that a stream refuses: nats-server's inner errors, which are not those of its answers. */
import { quoted } from '../../wire/index.ts'
import { type ApiError, apiError } from '../config/errors.ts'
import {
  EXPECTED_LAST_MSG_ID,
  EXPECTED_LAST_SEQ,
  EXPECTED_LAST_SUBJECT_SEQ,
  type PublishHeaders,
  ROLLUP,
} from '../headers/publish-headers.ts'

export const DUPLICATE = 'msgid is duplicate'
const TOO_LARGE = 'maximum payload exceeded'

const codeOf = (name: Parameters<typeof apiError>[0]): number => apiError(name).errCode

const TEXTS: ReadonlyMap<number, string> = new Map([
  [codeOf('JSStreamMessageExceedsMaximumErr'), TOO_LARGE],
  [codeOf('JSStreamHeaderExceedsMaximumErr'), TOO_LARGE],
  [codeOf('JSStreamNotMatchErr'), 'expected stream does not match'],
  [codeOf('JSMessageTTLDisabledErr'), 'message TTL disabled'],
])
const STORE_FAILED = codeOf('JSStreamStoreFailedF')
const TTL_INVALID = codeOf('JSMessageTTLInvalidErr')
const WRONG_SEQUENCE = codeOf('JSStreamWrongLastSequenceErrF')
const WRONG_ID = codeOf('JSStreamWrongLastMsgIDErrF')
const ROLLUP_FAILED = codeOf('JSStreamRollupFailedF')

/** Is it found out while storing only? What is traced only is not looked at so far. */
export function isOfStore({ errCode }: ApiError): boolean {
  return errCode === STORE_FAILED || errCode === TTL_INVALID
}

/** `headers`: those of the message. */
export function tracedError({ errCode, description }: ApiError, headers: PublishHeaders): string {
  const text = TEXTS.get(errCode)
  if (text !== undefined) return text
  if (errCode === STORE_FAILED) return description
  const actual = description.slice(description.lastIndexOf(': ') + 2)
  if (errCode === WRONG_SEQUENCE) {
    const isOfSubject = headers.has(EXPECTED_LAST_SUBJECT_SEQ)
    const given = headers.text(isOfSubject ? EXPECTED_LAST_SUBJECT_SEQ : EXPECTED_LAST_SEQ)
    return `last sequence ${isOfSubject ? 'by subject ' : ''}mismatch: ${given} vs ${actual}`
  }
  if (errCode === WRONG_ID)
    return `last msgid mismatch: ${quoted(headers.text(EXPECTED_LAST_MSG_ID))} vs ${quoted(actual)}`
  if (errCode === ROLLUP_FAILED)
    return description.includes('value invalid')
      ? `rollup value invalid: ${quoted(headers.text(ROLLUP))}`
      : description
  return `${description} (${errCode})`
}
