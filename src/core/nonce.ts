import { randomBytes } from 'node:crypto'

/** Raw bytes of a nonce, as many as nats-server takes. */
const NONCE_BYTES = 11

/** Something for a client to sign: 15 characters of base64url. */
export function newNonce(): string {
  return randomBytes(NONCE_BYTES).toString('base64url')
}
