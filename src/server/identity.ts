/** Who a server is: keys in the form of nkeys, made anew at each start. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { encodeKey } from '../auth/index.ts'

/** The key itself is the end of its DER form. */
const KEY_BYTES = 32

export class ServerIdentity {
  /** 56 letters and digits, the first an N. */
  readonly id: string
  /** Public key for sealed exchanges: 56 letters and digits, the first an X. */
  readonly curveKey: string
  private readonly signer: KeyObject
  private readonly curve: KeyObject
  private sealer: Promise<Sealer> | null = null

  constructor() {
    const signing = generateKeyPairSync('ed25519')
    const sealing = generateKeyPairSync('x25519')
    this.signer = signing.privateKey
    this.curve = sealing.privateKey
    this.id = encodeKey(signing.publicKey, 'server')
    this.curveKey = encodeKey(sealing.publicKey, 'curve')
  }

  /** The signature, as base64url. */
  sign(text: string): string {
    return sign(null, Buffer.from(text), this.signer).toString('base64url')
  }

  /** Seals for, and opens what was sealed by, who has a public curve key. */
  sealing(): Promise<Sealer> {
    // Loaded here: most servers seal nothing.
    this.sealer ??= import('@nats-io/nkeys/lib/curve.js').then(
      ({ CurveKP }) => new CurveKP(this.curve.export({ type: 'pkcs8', format: 'der' }).subarray(-KEY_BYTES)),
    )
    return this.sealer
  }
}

export interface Sealer {
  seal(message: Uint8Array, recipient: string): Uint8Array
  /** Null for what was not sealed by the sender. */
  open(message: Uint8Array, sender: string): Uint8Array | null
}
