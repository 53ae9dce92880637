/** A service that is asked about who wants to connect, played by the script of a case. */
import { makeJwt, type TestKey } from '../../jwts.ts'
import type { Line, Session } from './session.ts'

const WAIT_MS = 3000

/** What a service is asked. */
export interface Asked {
  readonly reply: string
  readonly headers: string
  readonly bytes: Buffer
}

/** What is in a request. */
export interface Question {
  readonly iss: string
  readonly sub: string
  readonly nats: {
    readonly user_nkey: string
    readonly server_id: Record<string, unknown>
    readonly client_info: Record<string, unknown>
    readonly connect_opts: Record<string, unknown>
  } & Record<string, unknown>
}

/** Waits for the next request. */
export async function nextRequest(s: Session, service: Line): Promise<Asked | null> {
  for (const end = Date.now() + WAIT_MS; Date.now() < end; ) {
    const frame = service.frames().find(({ op }) => op === 'MSG' || op === 'HMSG')
    if (frame !== undefined) {
      const bytes = Buffer.from(frame.payload ?? '', 'latin1')
      return { reply: frame.reply ?? '', headers: frame.headers ?? '', bytes }
    }
    await s.wait(5)
  }
  return null
}

export function questionOf(request: Buffer): Question {
  return JSON.parse(Buffer.from(request.toString().split('.')[1], 'base64url').toString())
}

/** Notes what was asked, without what is made by chance. */
export function noteQuestion(s: Session, { iss, sub, nats, ...rest }: Question): void {
  const { client_info, connect_opts, user_nkey, server_id } = nats
  s.note('asked', {
    claims: Object.keys(rest).sort(),
    sub,
    isOfServer: iss === server_id.id,
    user: user_nkey[0],
    nats: Object.keys(nats).sort(),
    server: Object.keys(server_id).sort(),
    client: { ...client_info, id: typeof client_info.id, nonce: typeof client_info.nonce },
    options: { ...connect_opts, sig: typeof connect_opts.sig, jwt: typeof connect_opts.jwt },
  })
}

export function answer(service: Line, reply: string, body: string | Uint8Array): Promise<void> {
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body)
  return service.send(
    Buffer.concat([Buffer.from(`PUB ${reply} ${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]),
  )
}

/** The JWT of an answer. */
export function response(
  issuer: TestKey,
  { iss, nats }: Question,
  fields: Record<string, unknown>,
  head: Record<string, unknown> = {},
): string {
  return makeJwt(issuer, nats.user_nkey, { type: 'authorization_response', ...fields }, { aud: iss, ...head })
}
