/** A mapping that can't be; the message is nats-server's text. */
export class TransformError extends Error {
  override readonly name = 'TransformError'
}

const INVALID = 'invalid mapping destination'

export function badSubject(): TransformError {
  return new TransformError('invalid subject')
}

/** What is wrong with a destination; `token`: the one it is about. */
export function badDestination(what: string, token = ''): TransformError {
  return new TransformError(`${INVALID}: ${what}${token === '' ? '' : ` in ${token}`}`)
}
