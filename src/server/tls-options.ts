/** TLS of a listener: what it can be told, and what OpenSSL is told of it. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { TlsOptions as NodeTlsOptions, SecureVersion } from 'node:tls'
import { openSslCiphers, openSslCurves } from './tls-names.ts'

export interface TlsOptions {
  /** Certificate and its chain: PEM text, or the path of a file. */
  cert: string
  /** Private key: PEM text, or the path of a file. */
  key: string
  /** Authorities that certificates of clients are checked by: PEM text, or the path of a file. Default: those of the system. */
  ca?: string
  /** Must clients show a certificate? Default: false. */
  verify?: boolean
  /** Is the certificate who the client is: a user of the name of its e-mail, host or subject? Implies `verify`. Default: false. */
  verifyAndMap?: boolean
  /** Milliseconds that a handshake may take. Default: 2000. */
  timeout?: number
  /**
   * Does TLS begin at once, before INFO? A number: a client that has sent nothing for so many milliseconds gets INFO first, as
   * clients that don't know of it expect. Default: false.
   */
  handshakeFirst?: boolean | number
  /** Default: '1.2'. */
  minVersion?: '1.2' | '1.3'
  /** Cipher suites by their IANA names. Default: Node's. */
  cipherSuites?: readonly string[]
  /** Curves: `X25519`, `CurveP256`, … Default: Node's. */
  curves?: readonly string[]
  /** SHA-256 of the public keys (DER, SubjectPublicKeyInfo) of certificates that clients may show, as hex digits. Default: any. */
  pinnedCerts?: readonly string[]
  /** Are clients without TLS taken, too? Default: false. */
  allowNonTls?: boolean
  /** Handshakes begun in a second, at most; who comes beyond is told so, and closed. Not with `handshakeFirst`. Default: 0, any number. */
  connectionRateLimit?: number
}

export interface TlsSettings {
  readonly options: NodeTlsOptions
  readonly verify: boolean
  readonly mapsUsers: boolean
  readonly timeoutMs: number
  /** Null: INFO comes first. Else so many milliseconds after which it does; 0: never. */
  readonly handshakeFirstMs: number | null
  readonly pinnedCerts: readonly string[]
  readonly allowsPlain: boolean
  /** Handshakes in a second; 0: any number. */
  readonly mostInASecond: number
}

const DEFAULT_TIMEOUT_MS = 2000
const NO_PAIR = 'error parsing X509 certificate/key pair: '

/**
 * Reads what the options name.
 * @throws Error for a file that can't be read, or holds something else
 */
export function settleTls(given: TlsOptions): TlsSettings {
  const { verifyAndMap = false, verify = verifyAndMap, handshakeFirst = false } = given
  if (given.cert === '') throw new Error("missing 'cert_file' in TLS configuration")
  if (given.key === '') throw new Error("missing 'key_file' in TLS configuration")
  const cert = pem(given.cert, 'certificate')
  const key = pem(given.key, 'key')
  checkPair(cert, key)
  const minVersion: SecureVersion = given.minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2'
  return {
    options: {
      cert,
      key,
      ...(given.ca === undefined ? {} : { ca: authorities(given.ca) }),
      minVersion,
      requestCert: verify,
      // Without authorities to check by, nobody would pass.
      rejectUnauthorized: verify,
      ...(given.cipherSuites === undefined ? {} : { ciphers: openSslCiphers(given.cipherSuites) }),
      ...(given.curves === undefined ? {} : { ecdhCurve: openSslCurves(given.curves) }),
      honorCipherOrder: true,
      handshakeTimeout: given.timeout ?? DEFAULT_TIMEOUT_MS,
    },
    verify,
    mapsUsers: verifyAndMap,
    timeoutMs: given.timeout ?? DEFAULT_TIMEOUT_MS,
    handshakeFirstMs: handshakeFirst === false ? null : handshakeFirst === true ? 0 : handshakeFirst,
    pinnedCerts: (given.pinnedCerts ?? []).map(pin),
    allowsPlain: given.allowNonTls ?? false,
    mostInASecond: given.connectionRateLimit ?? 0,
  }
}

function authorities(given: string): string {
  const text = pem(given, 'CA', '')
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new Error('failed to parse root ca certificate')
  return text
}

function checkPair(cert: string, key: string): void {
  if (!key.includes('PRIVATE KEY-----') && key.includes('-----BEGIN CERTIFICATE-----'))
    throw new Error(`${NO_PAIR}tls: found a certificate rather than a key in the PEM for the private key`)
  let isPair: boolean
  try {
    isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
  } catch (error) {
    throw new Error(`${NO_PAIR}${(error as Error).message}`)
  }
  if (!isPair) {
    throw new Error(`${NO_PAIR}tls: private key does not match public key`)
  }
}

function pem(given: string, what: string, before = NO_PAIR): string {
  if (given.includes('-----BEGIN ')) return given
  let text: string
  try {
    text = readFileSync(given, 'utf8')
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file or directory' : error
    throw new Error(`${before}open ${given}: ${reason}`)
  }
  if (!text.includes('-----BEGIN ')) throw new Error(`${given} holds no ${what} in PEM form`)
  return text
}

/** @throws Error where it can't be one */
export function pin(given: string): string {
  if (/^[A-Fa-f0-9]{64}$/.test(given)) return given.toLowerCase()
  throw new Error(
    `error parsing tls config, 'pinned_certs' key ${given} does not look like hex-encoded sha256 of DER encoded SubjectPublicKeyInfo`,
  )
}
