/**
 * Encryption at rest: sealed blocks. A block says all that is needed to open it but the key, at both of its ends, so that
 * what is left of a damaged one can be opened too.
 *
 *     head:   0 u32 magic "CTRE"   4 u32 bytes of ciphertext   8 f64 place of the block in its file
 *            16 epoch (16 bytes)  32 f64 number of the block in its epoch
 *            40 tag (16 bytes)    56 u8 0: head, 1: tail  57 u8 cipher  58 u16 0  60 u32 CRC-32 of all before
 *     ciphertext, and the same again as tail
 *
 * Each start of the store is an epoch with a key of its own (HKDF), in which blocks are numbered: no nonce comes twice.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { getU32, putU32 } from '../format/bytes.ts'

/** 'aes': AES-256-GCM. 'chacha': ChaCha20-Poly1305. */
export type Cipher = 'aes' | 'chacha'

export const SEAL_BYTES = 64
export const SEAL_MAGIC_BYTES = Buffer.from('CTRE', 'latin1')
export const KEY_BYTES = 32
const SEAL_MAGIC = 0x45525443
const EPOCH_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
const EPOCH_AT = 16
const NUMBER_AT = 32
const TAG_AT = 40
/** What is authenticated beside the ciphertext: length, place, epoch and number. */
const AUTHENTICATED_BYTES = 40
const ALGORITHMS = { aes: 'aes-256-gcm', chacha: 'chacha20-poly1305' } as const
const CIPHERS: readonly Cipher[] = ['aes', 'chacha']
/** Keys of epochs kept, so that each need not be derived for each block. */
const MAX_KEYS = 32

/** One end of a block, as it was read. */
export interface Seal {
  bytes: Buffer
  isTail: boolean
  cipher: Cipher
  /** Bytes of the ciphertext, and of what it was made from. */
  length: number
  place: number
}

export class Sealer {
  private readonly cipher: Cipher
  private readonly dataKey: Buffer
  private readonly epoch = randomBytes(EPOCH_BYTES)
  private readonly keys = new Map<string, Buffer>()
  private readonly nonce = Buffer.alloc(NONCE_BYTES)
  private nextNumber = 1

  /** `dataKey`: 32 bytes. */
  constructor(dataKey: Buffer, cipher: Cipher) {
    this.dataKey = dataKey
    this.cipher = cipher
  }

  /** Encrypts `[start, end)` where it stands, and writes the ends of the block: SEAL_BYTES before it and behind it. */
  sealInPlace(buffer: Buffer, start: number, end: number, place: number): void {
    const at = start - SEAL_BYTES
    putU32(buffer, at, SEAL_MAGIC)
    putU32(buffer, at + 4, end - start)
    buffer.writeDoubleLE(place, at + 8)
    this.epoch.copy(buffer, at + EPOCH_AT)
    buffer.writeDoubleLE(this.nextNumber++, at + NUMBER_AT)
    buffer.copy(this.nonce, 0, at + NUMBER_AT, at + NUMBER_AT + 8)
    const cipher = createCipheriv(
      ALGORITHMS[this.cipher] as 'aes-256-gcm',
      this.keyOf(this.epoch),
      this.nonce,
      {
        authTagLength: TAG_BYTES,
      },
    )
    cipher.setAAD(buffer.subarray(at, at + AUTHENTICATED_BYTES), { plaintextLength: end - start })
    cipher.update(buffer.subarray(start, end)).copy(buffer, start)
    cipher.final()
    cipher.getAuthTag().copy(buffer, at + TAG_AT)
    buffer[at + 56] = 0
    buffer[at + 57] = CIPHERS.indexOf(this.cipher) + 1
    buffer[at + 58] = 0
    buffer[at + 59] = 0
    putU32(buffer, at + 60, crc32(buffer.subarray(at, at + 60)))
    buffer.copy(buffer, end, at, at + SEAL_BYTES)
    buffer[end + 56] = 1
    putU32(buffer, end + 60, crc32(buffer.subarray(end, end + 60)))
  }

  /** The block made from `bytes`. */
  seal(bytes: Buffer, place: number): Buffer {
    const block = Buffer.allocUnsafeSlow(bytes.length + 2 * SEAL_BYTES)
    bytes.copy(block, SEAL_BYTES)
    this.sealInPlace(block, SEAL_BYTES, SEAL_BYTES + bytes.length, place)
    return block
  }

  /**
   * Decrypts. `isGood`: nothing of it was changed. Where something was, what it was made from is still given, wrong
   * in the places that were hit: the checksums in it tell which.
   */
  open(seal: Seal, ciphertext: Buffer): { plain: Buffer; isGood: boolean } {
    const { bytes } = seal
    const nonce = Buffer.alloc(NONCE_BYTES)
    bytes.copy(nonce, 0, NUMBER_AT, NUMBER_AT + 8)
    const key = this.keyOf(bytes.subarray(EPOCH_AT, EPOCH_AT + EPOCH_BYTES))
    const decipher = createDecipheriv(ALGORITHMS[seal.cipher] as 'aes-256-gcm', key, nonce, {
      authTagLength: TAG_BYTES,
    })
    decipher.setAAD(bytes.subarray(0, AUTHENTICATED_BYTES), { plaintextLength: ciphertext.length })
    decipher.setAuthTag(bytes.subarray(TAG_AT, TAG_AT + TAG_BYTES))
    const plain = decipher.update(ciphertext)
    try {
      decipher.final()
      return { plain, isGood: ciphertext.length === seal.length }
    } catch {
      return { plain, isGood: false }
    }
  }

  private keyOf(epoch: Buffer): Buffer {
    const name = epoch.toString('latin1')
    let key = this.keys.get(name)
    if (key === undefined) {
      key = Buffer.from(hkdfSync('sha256', this.dataKey, epoch, 'contrail epoch', KEY_BYTES))
      if (this.keys.size >= MAX_KEYS) this.keys.clear()
      this.keys.set(name, key)
    }
    return key
  }
}

/** The end of a block at `at`, or null when there is none that holds. */
export function decodeSeal(buffer: Buffer, at: number): Seal | null {
  if (at < 0 || at + SEAL_BYTES > buffer.length || getU32(buffer, at) !== SEAL_MAGIC) return null
  if (crc32(buffer.subarray(at, at + 60)) !== getU32(buffer, at + 60)) return null
  const cipher = CIPHERS[buffer[at + 57] - 1]
  if (cipher === undefined) return null
  return {
    bytes: Buffer.from(buffer.subarray(at, at + SEAL_BYTES)),
    isTail: buffer[at + 56] === 1,
    cipher,
    length: getU32(buffer, at + 4),
    place: buffer.readDoubleLE(at + 8),
  }
}

/** A block found in a stretch of bytes: its ciphertext begins at `start`. */
export interface FoundBlock {
  seal: Seal
  start: number
}

/**
 * The blocks in `[from, to)` of the buffer, in order, by whichever of their ends is left. `onGap` is called when
 * something stands between them.
 */
export function findBlocks(
  buffer: Buffer,
  from: number,
  to: number,
  onGap: () => void = () => {},
): FoundBlock[] {
  const found: FoundBlock[] = []
  let reached = from
  for (let at = from; at + SEAL_BYTES <= to; ) {
    const seal = decodeSeal(buffer, at)
    if (seal === null) {
      const next = buffer.indexOf(SEAL_MAGIC_BYTES, at + 1)
      if (next < 0) break
      at = next
      continue
    }
    const start = seal.isTail ? at - seal.length : at + SEAL_BYTES
    const isInside = start >= reached && start + seal.length <= to
    if (!isInside) {
      at++
      continue
    }
    // By its tail: then its head is lost.
    if (seal.isTail || at !== reached) onGap()
    found.push({ seal, start })
    reached = start + seal.length + SEAL_BYTES
    at = reached
  }
  if (reached < to) onGap()
  return found
}
