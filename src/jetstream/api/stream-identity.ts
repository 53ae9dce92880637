import type { Stream } from '../account/stream.ts'
import { consumerError } from '../config/consumer/errors.ts'
import { shortHash } from '../config/stream/origin-key.ts'
import { formatMs } from '../config/time-text.ts'
import { headerOf } from '../headers/header-of.ts'
import type { ConsumerRequest } from './consumer-request.ts'

const IDENTITY_HEADER = 'Nats-Stream-Identity'

/** Which stream of its name it is, for who copies it: another one made later is to be copied from its beginning. */
export function identityOf(stream: Stream): string {
  return shortHash(formatMs(stream.createdMs))
}

/**
 * Says in the answer's headers which stream of its name this is.
 * @throws ApiError when the request is meant for another one, that was there before
 */
export function identify(request: ConsumerRequest, stream: Stream): void {
  const identity = identityOf(stream)
  const known = headerOf(request.headers, IDENTITY_HEADER)
  if (known !== '' && known !== identity)
    throw consumerError('JSConsumerStreamIdentityMismatchF', { msg: identity })
  answerIdentity(request, stream)
}

/** Does the request want to know, whatever it expects? */
export function asksIdentity({ headers }: ConsumerRequest): boolean {
  return headers.includes(`\r\n${IDENTITY_HEADER}:`)
}

/** Says so without a look at what was expected. */
export function answerIdentity(request: ConsumerRequest, stream: Stream): void {
  request.answerHeaders = `${IDENTITY_HEADER}: ${identityOf(stream)}\r\n`
}
