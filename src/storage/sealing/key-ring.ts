/**
 * The key of an encrypted store. Its data is sealed with a key made by chance, which store.json holds sealed with the
 * user's: another user's key means to seal that one anew, and no data.
 */
import { randomBytes, scryptSync } from 'node:crypto'
import { type Cipher, decodeSeal, KEY_BYTES, SEAL_BYTES, Sealer } from './sealer.ts'

/** How a store is encrypted: `jetstream { cipher, key, prev_key }` of a configuration. */
export interface Encryption {
  /** 'aes': AES-256-GCM. 'chacha': ChaCha20-Poly1305. */
  cipher: Cipher
  /** Of any length; better long and by chance. */
  key: string
  /** The key until now, where it is to be another from here on. */
  previousKey?: string
  /** What it costs to try a key: scrypt's N, a power of two. Default 16384: some 50 ms and 16 MiB. */
  cost?: number
}

/** As store.json has it; bytes are base64. */
export interface KeyDocument {
  salt: string
  cost: number
  sealedKey: string
  /** Files from before the encryption are still to be sealed. */
  isConverting?: boolean
}

const SALT_BYTES = 16
const DEFAULT_COST = 16384

export class WrongKey extends Error {}

/** A new key for the data, sealed with the user's. */
export function makeKey(encryption: Encryption): { dataKey: Buffer; document: KeyDocument } {
  const dataKey = randomBytes(KEY_BYTES)
  return { dataKey, document: sealKey(dataKey, encryption) }
}

export function sealKey(dataKey: Buffer, encryption: Encryption): KeyDocument {
  const salt = randomBytes(SALT_BYTES)
  const { cost = DEFAULT_COST } = encryption
  const sealer = new Sealer(derive(encryption.key, salt, cost), encryption.cipher)
  return { salt: salt.toString('base64'), cost, sealedKey: sealer.seal(dataKey, 0).toString('base64') }
}

/**
 * The data's key, with the user's key or the previous one; `isPrevious`: with the latter.
 * @throws WrongKey when neither opens it
 */
export function openKey(
  document: KeyDocument,
  encryption: Encryption,
): { dataKey: Buffer; isPrevious: boolean } {
  const block = Buffer.from(document.sealedKey, 'base64')
  const seal = decodeSeal(block, 0)
  if (seal === null) throw new WrongKey('the sealed key in store.json is damaged')
  const salt = Buffer.from(document.salt, 'base64')
  for (const key of [encryption.key, encryption.previousKey]) {
    if (key === undefined) continue
    const sealer = new Sealer(derive(key, salt, document.cost), seal.cipher)
    const { plain, isGood } = sealer.open(seal, block.subarray(SEAL_BYTES, SEAL_BYTES + seal.length))
    if (isGood) return { dataKey: plain, isPrevious: key !== encryption.key }
  }
  throw new WrongKey('the key does not open it')
}

function derive(key: string, salt: Buffer, cost: number): Buffer {
  return scryptSync(key, salt, KEY_BYTES, { N: cost, maxmem: 256 * 8 * cost + 1024 * 1024 })
}
