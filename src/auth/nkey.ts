/** Public nkeys, and what was signed by them. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { Codec } from '@nats-io/nkeys/lib/codec.js'

/** Letters of a public key: a byte for its kind, 32 of the key, two of a checksum, in base 32. */
const KEY_LENGTH = 56
const RAW_BYTES = 32
/** What stands before the key's bytes in DER (RFC 8410). */
const ED25519_DER = Buffer.from('302a300506032b6570032100', 'hex')

/** Kinds of keys: the byte before the key. */
const KeyKind = {
  account: 0,
  curve: 23 << 3,
  operator: 14 << 3,
  server: 13 << 3,
  user: 20 << 3,
} as const
export type KeyKindName = keyof typeof KeyKind

/** The bytes of a public key of this kind; null for anything else, however it is cut or changed. */
export function decodeKey(text: string, kind: KeyKindName): Buffer | null {
  if (text.length !== KEY_LENGTH) return null
  try {
    const raw = Codec._decode(Buffer.from(text, 'latin1'))
    if (raw.length !== RAW_BYTES + 1 || raw[0] !== KeyKind[kind]) return null
    return Buffer.from(raw.subarray(1))
  } catch {
    return null
  }
}

/** A public key of node:crypto (ed25519, x25519) as text. */
export function encodeKey(key: KeyObject, kind: KeyKindName): string {
  // The key itself is the end of its DER form.
  const raw = key.export({ type: 'spki', format: 'der' }).subarray(-RAW_BYTES)
  return Buffer.from(Codec.encode(KeyKind[kind], raw)).toString('latin1')
}

/** What kind of key it is; null for no key. */
export function keyKindOf(text: string): KeyKindName | null {
  const kinds = Object.keys(KeyKind) as KeyKindName[]
  return kinds.find((kind) => isPublicKey(text, kind)) ?? null
}

export function isPublicKey(text: string, kind: KeyKindName): boolean {
  return decodeKey(text, kind) !== null
}

/** Has the owner of the key signed this nonce? Nobody has signed one that was never given: some clients sign nothing then. */
export function isNonceSigned(nonce: string, signature: string, key: string): boolean {
  return nonce !== '' && isSigned(nonce, signature, key, 'user')
}

/** Has the owner of the key signed this? `signature`: base64url, or the standard alphabet. */
export function isSigned(what: string | Buffer, signature: string, key: string, kind: KeyKindName): boolean {
  const bytes = decodeKey(key, kind)
  if (bytes === null || signature === '' || !/^[A-Za-z0-9_+/-]+={0,2}$/.test(signature)) return false
  return isSignedWith(what, Buffer.from(signature, 'base64url'), bytes)
}

/** The same by a key of any kind, with the signature's bytes. */
export function isSignedBy(what: string, signature: Buffer, key: string): boolean {
  const kind = keyKindOf(key)
  const bytes = kind === null || kind === 'curve' ? null : decodeKey(key, kind)
  return bytes !== null && isSignedWith(what, signature, bytes)
}

function isSignedWith(what: string | Buffer, signature: Buffer, bytes: Buffer): boolean {
  const publicKey = createPublicKey({ key: Buffer.concat([ED25519_DER, bytes]), format: 'der', type: 'spki' })
  const signed = typeof what === 'string' ? Buffer.from(what) : what
  return verify(null, signed, publicKey, signature)
}
