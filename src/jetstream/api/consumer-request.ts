import type { JetStreamAccount } from '../account/account.ts'
import type { Stream } from '../account/stream.ts'
import { consumerError } from '../config/consumer/errors.ts'
import { invalidJsonError } from '../config/consumer/fields.ts'
import { apiError } from '../config/errors.ts'
import { parseJson } from '../config/json/parse.ts'
import type { Consumer } from '../consumer/consumer.ts'

/** What the handlers of the consumer API get. They return the body of the response without its type, or throw ApiError. */
export interface ConsumerRequest {
  account: JetStreamAccount
  /** The whole subject. */
  subject: string
  /** Tokens of the subject behind the verb: stream, consumer … */
  tokens: string[]
  /** The request as text. */
  body: string
  /** Its headers as text, and those that the answer is to have. */
  headers: string
  answerHeaders: string
}

/** The request as a JSON object; `type`: Go's name for it in errors. */
export function parseObject(body: string, type: string): Record<string, unknown> {
  if (body === '') return {}
  let json: unknown
  try {
    // Read strictly for its errors; the values are then JavaScript's.
    const strict = parseJson(body)
    json = strict.length === 1 ? JSON.parse(body) : strict[0]
  } catch (error) {
    throw invalidJsonError((error as Error).message)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    const kind = Array.isArray(json) ? 'array' : typeof json === 'boolean' ? 'bool' : typeof json
    throw invalidJsonError(`json: cannot unmarshal ${kind} into Go value of type server.${type}`)
  }
  return json as Record<string, unknown>
}

/** Requests that take no fields. */
export function refuseFields(body: string): void {
  if (body === '' || body === '{}') return
  try {
    const json: unknown = JSON.parse(body)
    if (typeof json === 'object' && json !== null && !Array.isArray(json) && Object.keys(json).length === 0)
      return
  } catch {
    // Not JSON: refused below.
  }
  throw apiError('JSNotEmptyRequestErr')
}

export function streamNamed(account: JetStreamAccount, name: string): Stream {
  const stream = account.streams.get(name)
  if (stream === undefined) throw apiError('JSStreamNotFoundErr')
  return stream
}

export function consumerNamed(request: ConsumerRequest): Consumer {
  const [stream, name] = request.tokens
  const consumer = streamNamed(request.account, stream).consumers.get(name)
  if (consumer === undefined) throw consumerError('JSConsumerNotFoundErr')
  return consumer
}
