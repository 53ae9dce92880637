import type { Origin } from '../../core/index.ts'
import type { JetStreamAccount } from '../account/account.ts'
import type { Stream } from '../account/stream.ts'
import { apiError } from '../config/errors.ts'

/** A request to the API, read once. */
export interface ApiRequest {
  account: JetStreamAccount
  /** The whole subject. */
  subject: string
  /** Tokens of the subject behind the verb: stream, consumer … */
  tokens: string[]
  /** Where the answer goes, '' for nowhere. */
  reply: string
  /** The request as text. */
  body: string
  /** The headers as text, '' without. */
  headers: string
  /** Who asks; null for something inside the server. */
  origin: Origin | null
  /** Headers that the answer is to have, lines with their ends; '' for none. */
  answerHeaders: string
}

/** Lists are given out in pages of this many. */
export const PAGE_LIMITS = { names: 1024, list: 256, subjects: 100_000 } as const

export function streamNamed(request: ApiRequest): Stream {
  const stream = request.account.streams.get(request.tokens[0])
  if (stream === undefined) throw apiError('JSStreamNotFoundErr')
  return stream
}

/** Has the request a body that is an object or an array? Some requests ignore anything else. */
export function hasJson(body: string): boolean {
  return /^\s*[{[]/.test(body)
}

/** Does the request ask for nothing? */
export function isEmptyRequest(body: string): boolean {
  return /^(\s*\{\s*\}\s*)?$/.test(body)
}

/** For requests that take no fields. */
export function refuseBody(body: string): void {
  if (!isEmptyRequest(body)) throw apiError('JSNotEmptyRequestErr')
}
