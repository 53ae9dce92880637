/** Errors that limits of accounts bring about: users of accounts with little. */
import { ask } from '../claims.ts'
import { login } from '../credentials.ts'
import type { Session } from '../session.ts'
import type { Act } from './produced.ts'

const ACCOUNTS: Readonly<Record<string, string>> = {
  plain: 'enabled',
  few: '{ max_streams: 1 }',
  small: '{ max_memory: 100, max_store: 100 }',
  strict: '{ max_bytes_required: true, disk_max_stream_bytes: 100 }',
  without: 'disabled',
}

/** Whoever says nothing is in an account without limits. */
export const CONFIG = `
accounts {
  ${Object.entries(ACCOUNTS)
    .map(
      ([name, jetstream]) =>
        `${name} { jetstream: ${jetstream}, users: [ { user: "${name}", password: "x" } ] }`,
    )
    .join('\n  ')}
}
no_auth_user: plain
`

type Request = readonly [subject: string, body: object | string]

/** The last of the requests is answered with the error. */
function by(user: string, ...requests: Request[]): Act {
  return async (s: Session) => {
    const line = await s.open(user, () => login({ user, pass: 'x' }))
    for (const [subject, body] of requests)
      await ask(s, line, subject, typeof body === 'string' ? body : JSON.stringify(body))
  }
}

const create = (name: string, config: object = {}): Request => [
  `$JS.API.STREAM.CREATE.${name}`,
  { name, subjects: [`${name}.x`], ...config },
]

export const LIMITED: Readonly<Record<string, Act>> = {
  JSAccountResourcesExceededErr: by('small', create('S'), ['S.x', 'x'], ['S.x', 'x'.repeat(200)]),
  JSMaximumStreamsLimitErr: by('few', create('S'), create('T')),
  JSMemoryResourcesExceededErr: by('small', create('M', { storage: 'memory', max_bytes: 101 })),
  JSStorageResourcesExceededErr: by('small', create('F', { max_bytes: 101 })),
  JSStreamMaxBytesRequired: by('strict', create('S')),
  JSStreamMaxStreamBytesExceeded: by('strict', create('S', { max_bytes: 101 })),
  JSNotEnabledForAccountErr: by('without', ['$JS.API.INFO', '']),
}
