/** Why a request has no answer that can be used. */
import { errors, type Msg } from '@nats-io/nats-core'
import { asContrailError } from '../client-errors.ts'
import { ContrailError, RequestFailedError, reasonOf } from '../errors.ts'

const DEFAULT_ERROR_STATUS = 500

/** What the client threw, as an error of the framework. */
export function noAnswer(subject: string, thrown: unknown, timeoutMs: number): ContrailError {
  const reason = thrown instanceof errors.RequestError ? (thrown.cause ?? thrown) : thrown
  const cause = { cause: thrown }
  const request = `The request to "${subject}"`
  if (reason instanceof errors.NoRespondersError) {
    return new ContrailError('NO_RESPONDERS', `${request} found nobody.`, cause)
  }
  if (reason instanceof errors.TimeoutError) {
    return new ContrailError('REQUEST_TIMEOUT', `${request} had no answer in ${timeoutMs} ms.`, cause)
  }
  // The client has no class for what was under way when it was closed.
  const translated = asContrailError(thrown, `${request} failed`, false)
  if (translated.code !== 'CLIENT_FAILED') return translated
  return new ContrailError('DISCONNECTED', `${request} failed: ${reasonOf(reason)}.`, cause)
}

/** Is the answer what a handler threw? (ADR-32) */
export function isFailure(answer: Msg): boolean {
  return answer.headers?.has('Nats-Service-Error') === true
}

/** What the handler threw, as the answer says it. */
export function failureOf(subject: string, answer: Msg): RequestFailedError {
  let details: unknown
  if (answer.data.length > 0) {
    try {
      details = answer.json()
    } catch {
      details = answer.string()
    }
  }
  return new RequestFailedError(
    subject,
    Number(answer.headers?.get('Nats-Service-Error-Code') || DEFAULT_ERROR_STATUS),
    answer.headers?.get('Nats-Service-Error') ?? '',
    details,
  )
}
