/** For web servers beside an app: the status to answer with when something of the app threw. */
import { ContrailError, type ErrorCode, RequestFailedError } from './errors.ts'

const INTERNAL_ERROR = 500
const ERROR_STATUSES = { least: 400, most: 599 }

/** What the one who asked can do something about (4xx), and what will pass (503, 504); the rest is 500. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  INVALID_MESSAGE: 400,
  INVALID_SUBJECT: 400,
  INVALID_NAME: 400,
  NOT_FOUND: 404,
  KEY_EXISTS: 409,
  CONFLICT: 409,
  WRONG_LAST_SEQUENCE: 409,
  MESSAGE_TOO_LARGE: 413,
  PUBLISH_BUFFER_FULL: 503,
  LIMIT_REACHED: 503,
  PUBLISH_TIMEOUT: 503,
  NO_RESPONDERS: 503,
  DISCONNECTED: 503,
  NOT_STARTED: 503,
  STOPPED: 503,
  SERVER_TIMEOUT: 503,
  REQUEST_TIMEOUT: 504,
}

/**
 * The HTTP status for what was thrown: 400 for data or names that can't be, 404, 409 and 413 where they fit, that of a `ReplyError` for a
 * request that its handler refused, 503 and 504 for what may work later, else 500.
 */
export function httpStatus(thrown: unknown): number {
  if (thrown instanceof RequestFailedError) {
    const { status } = thrown
    return status >= ERROR_STATUSES.least && status <= ERROR_STATUSES.most ? status : INTERNAL_ERROR
  }
  return thrown instanceof ContrailError ? (STATUS[thrown.code] ?? INTERNAL_ERROR) : INTERNAL_ERROR
}
