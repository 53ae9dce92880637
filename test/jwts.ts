/** JWTs and their keys, made for tests. */
import { createPrivateKey, sign } from 'node:crypto'
import { createAccount, createOperator, createUser, type KeyPair } from '@nats-io/nkeys'
import { Codec } from '@nats-io/nkeys/lib/codec.js'

/** What stands before the bytes of a private key in DER (RFC 8410). */
const ED25519_DER = Buffer.from('302e020100300506032b657004220420', 'hex')

export interface TestKey {
  readonly pair: KeyPair
  readonly publicKey: string
  /** What is signed with it, as base64url. */
  sign(what: string): string
}

export const newKey = {
  operator: () => keyOf(createOperator()),
  account: () => keyOf(createAccount()),
  user: () => keyOf(createUser()),
}

export function keyOf(pair: KeyPair): TestKey {
  const der = Buffer.concat([ED25519_DER, Codec.decodeSeed(pair.getSeed()).buf])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  return {
    pair,
    publicKey: pair.getPublicKey(),
    sign: (what) => sign(null, Buffer.from(what), key).toString('base64url'),
  }
}

type Claims = Readonly<Record<string, unknown>>

let made = 0

/** A JWT by this issuer about this key. `claims`: what stands in `nats`; `head`: what stands beside it. */
export function makeJwt(issuer: TestKey, subject: string, claims: Claims, head: Claims = {}): string {
  const all = {
    jti: `ID${++made}`,
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.publicKey,
    sub: subject,
    ...head,
    nats: { version: 2, ...claims },
  }
  const text = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode(all)}`
  return `${text}.${issuer.sign(text)}`
}

export function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

const NO_LIMITS = { subs: -1, data: -1, payload: -1 }
export const NO_ACCOUNT_LIMITS = {
  ...NO_LIMITS,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
}

export function operatorJwt(key: TestKey, claims: Claims = {}): string {
  return makeJwt(key, key.publicKey, { type: 'operator', ...claims })
}

export function accountJwt(operator: TestKey, key: TestKey, claims: Claims = {}, head: Claims = {}): string {
  return makeJwt(operator, key.publicKey, { type: 'account', limits: NO_ACCOUNT_LIMITS, ...claims }, head)
}

export function userJwt(account: TestKey, key: TestKey, claims: Claims = {}, head: Claims = {}): string {
  return makeJwt(account, key.publicKey, { type: 'user', ...NO_LIMITS, ...claims }, head)
}

export function activationJwt(account: TestKey, importer: string, claims: Claims, head: Claims = {}): string {
  return makeJwt(account, importer, { type: 'activation', ...claims }, head)
}
