/** Ids in the form of public nkeys: a prefix byte, 32 bytes, a checksum, all in base 32. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** 13 << 3: makes the first letter an N. */
const SERVER_PREFIX = 0x68
/** 23 << 3: makes the first letter an X. */
const CURVE_PREFIX = 0xb8

/** A new server id: 56 letters and digits, the first an N. */
export function newServerId(): string {
  return encodeKey(SERVER_PREFIX, randomBytes(32))
}

/** A new curve key for sealed exchanges with the server: 56 letters and digits, the first an X. */
export function newCurveKey(): string {
  const { publicKey: key } = generateKeyPairSync('x25519')
  // The key itself is the end of its DER form.
  return encodeKey(CURVE_PREFIX, key.export({ type: 'spki', format: 'der' }).subarray(-32))
}

function encodeKey(prefix: number, key: Buffer): string {
  const raw = Buffer.alloc(35)
  raw[0] = prefix
  key.copy(raw, 1)
  raw.writeUInt16LE(crc16(raw, 33), 33)
  return base32(raw)
}

/** CRC-16/XMODEM, as nkeys use it. */
function crc16(bytes: Buffer, length: number): number {
  let crc = 0
  for (let i = 0; i < length; i++) {
    crc ^= bytes[i] << 8
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc
}

function base32(bytes: Buffer): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[(value >> bits) & 31]
    }
  }
  return text
}
