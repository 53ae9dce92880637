/** What is asked about somebody who wants to connect: a JWT that the server signs (ADR-26). */
import type { Credentials } from '../../core/index.ts'

const AUDIENCE = 'nats-authorization-request'

/** The server, as those who are asked know it. */
export interface CalloutServer {
  readonly id: string
  /** Public key that answers may be sealed for. */
  readonly curveKey: string
  /** `server_id` of requests. */
  describe(): Readonly<Record<string, unknown>>
  /** Signs, as base64url. */
  sign(text: string): string
  sealing(): Promise<{
    seal(message: Uint8Array, recipient: string): Uint8Array
    open(message: Uint8Array, sender: string): Uint8Array | null
  }>
}

export interface CalloutRequest {
  /** Whom it is about: the issuer of the configuration, or the account. */
  readonly subject: string
  /** The public key that the answer has to be about. */
  readonly userKey: string
  readonly credentials: Credentials
  /** Its name or key, '' for none. */
  readonly user: string
  /** What the user's JWT says of it, where it has shown one. */
  readonly nameTag: string
  readonly tags: readonly string[]
  readonly expires: number
  readonly issuedAt: number
  readonly isSealed: boolean
}

/** The JWT. `hash`: names it. */
export function encodeRequest(server: CalloutServer, request: CalloutRequest, hash: string): string {
  const claims = {
    aud: AUDIENCE,
    exp: request.expires,
    jti: hash,
    iat: request.issuedAt,
    iss: server.id,
    sub: request.subject,
    nats: {
      server_id: { ...server.describe(), ...(request.isSealed ? { xkey: server.curveKey } : {}) },
      user_nkey: request.userKey,
      client_info: clientInfo(request),
      connect_opts: connectOptions(request.credentials),
      ...clientTls(request.credentials),
      type: 'authorization_request',
      version: 2,
    },
  }
  const text = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode(claims)}`
  return `${text}.${server.sign(text)}`
}

function clientInfo({ credentials, user, nameTag, tags }: CalloutRequest): Record<string, unknown> {
  const { options, peer, id = 0, nonce } = credentials
  return {
    ...said({ host: peer.host }),
    id,
    ...said({ user, name: options.name }),
    ...(tags.length === 0 ? {} : { tags }),
    ...said({ name_tag: nameTag }),
    kind: 'Client',
    type: peer.kind === 'websocket' ? 'websocket' : 'nats',
    ...said({ nonce: options.sig === '' ? '' : nonce }),
  }
}

/** The name under which somebody comes, '' for none. */
export function shownUser({ options }: Credentials): string {
  return options.nkey || options.user || (options.auth_token === '' ? '' : '[REDACTED]')
}

function connectOptions({ options }: Credentials): Record<string, unknown> {
  const { jwt, nkey, sig, auth_token, user, pass, name, lang, version, protocol } = options
  return { ...said({ jwt, nkey, sig, auth_token, user, pass, name, lang, version }), protocol }
}

function clientTls({ peer }: Credentials): Record<string, unknown> {
  const { tls } = peer
  if (!tls) return {}
  const { version, cipher, pem = [], isVerified = false } = tls
  const chain = pem.length === 0 ? {} : isVerified ? { verified_chains: [pem] } : { certs: pem }
  return { client_tls: { version, cipher, ...chain } }
}

/** Without what is empty. */
function said(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
