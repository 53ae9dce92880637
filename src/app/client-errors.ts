/** What the official clients throw, as errors of the framework: a code, the names concerned, what to do, and the cause. */
import { JetStreamApiError } from '@nats-io/jetstream'
import { errors } from '@nats-io/nats-core'
import { ContrailError, codeOfApi, type ErrorCode, reasonOf } from './errors.ts'

/**
 * @param what the beginning of the sentence: `The stream "S" can't be updated`
 * @param onJetStream it was asked of JetStream: that nobody listens means that there is none
 */
export function asContrailError(thrown: unknown, what: string, onJetStream = true): ContrailError {
  if (thrown instanceof ContrailError) return thrown
  const cause = { cause: thrown }
  // The client wraps what ended a request: what matters is the innermost error that it has a class for.
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof JetStreamApiError) {
      const sentence = `${what}: ${error.message} (${error.code}).`
      return new ContrailError(codeOfApi(error.code, error.message), sentence, {
        ...cause,
        errorCode: error.code,
      })
    }
    const code = codeOf(error, onJetStream)
    if (code !== undefined) return new ContrailError(code, `${what}: ${oneSentence(error)}.`, cause)
  }
  return new ContrailError('CLIENT_FAILED', `${what}: ${oneSentence(thrown)}.`, cause)
}

/** Runs `ask`; what it throws is an error of the framework. */
export async function translated<T>(what: string, ask: () => T | Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (thrown) {
    throw asContrailError(thrown, what)
  }
}

function codeOf(error: Error, onJetStream: boolean): ErrorCode | undefined {
  if (error instanceof errors.NoRespondersError) return onJetStream ? 'NO_JETSTREAM' : 'NO_RESPONDERS'
  if (error.name === 'JetStreamNotEnabled') return 'NO_JETSTREAM'
  if (error instanceof errors.TimeoutError) return 'SERVER_TIMEOUT'
  if (error instanceof errors.PermissionViolationError) return 'NOT_PERMITTED'
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError) {
    return 'NOT_AUTHORIZED'
  }
  if (error instanceof errors.ClosedConnectionError || error instanceof errors.DrainingConnectionError) {
    return 'STOPPED'
  }
  if (error instanceof errors.InvalidSubjectError) return 'INVALID_SUBJECT'
  if (error.name === 'InvalidNameError') return 'INVALID_NAME'
  // What the clients have no class for.
  const { message } = error
  if (/max_payload/.test(message)) return 'MESSAGE_TOO_LARGE'
  if (/^invalid (key|bucket name)|^invalid (stream|durable|consumer)? ?name/i.test(message))
    return 'INVALID_NAME'
  if (/^object store not found/.test(message)) return 'STREAM_MISSING'
  if (/^object not found/.test(message)) return 'NOT_FOUND'
  if (message === 'connection closed') return 'STOPPED'
  return undefined
}

function oneSentence(thrown: unknown): string {
  return reasonOf(thrown).replace(/\s+/g, ' ').replace(/\.$/, '')
}

/** Is it the server's answer with this error code, however the client has wrapped it? */
export function isApiError(thrown: unknown, ...errorCodes: readonly number[]): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof JetStreamApiError && errorCodes.includes(error.code)) return true
    if (
      error instanceof ContrailError &&
      error.errorCode !== undefined &&
      errorCodes.includes(error.errorCode)
    ) {
      return true
    }
  }
  return false
}

export const STREAM_NOT_FOUND = 10059
export const CONSUMER_NOT_FOUND = 10014
/** The second one comes from clusters: somebody else's is on its way. */
export const WRONG_LAST_SEQUENCE = [10071, 10164]
