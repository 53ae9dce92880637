/** Cipher suites and curves: their names in a configuration, and OpenSSL's. */

const CIPHERS: Readonly<Record<string, string>> = {
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_AES_128_GCM_SHA256: 'TLS_AES_128_GCM_SHA256',
  TLS_AES_256_GCM_SHA384: 'TLS_AES_256_GCM_SHA384',
  TLS_CHACHA20_POLY1305_SHA256: 'TLS_CHACHA20_POLY1305_SHA256',
}

const INSECURE = /^TLS_RSA_WITH_|_CBC_SHA256$|_RC4_|_3DES_/

const CURVES: Readonly<Record<string, string>> = {
  CURVEP256: 'P-256',
  CURVEP384: 'P-384',
  CURVEP521: 'P-521',
  X25519: 'X25519',
}

/** @throws Error for a name that is none */
export function openSslCiphers(names: readonly string[]): string {
  if (names.length === 0) throw new Error("error parsing tls config, 'cipher_suites' cannot be empty")
  return names.map(cipher).join(':')
}

function cipher(name: string): string {
  if (Object.hasOwn(CIPHERS, name)) return CIPHERS[name]
  throw new Error(`unrecognized cipher ${name}`)
}

/** Those among them that Go calls insecure: without forward secrecy, or with a MAC behind the encryption by SHA-1 or RC4. */
export function insecureCiphers(names: readonly string[]): string[] {
  return names.filter((name) => INSECURE.test(name))
}

/** @throws Error for a name that is none */
export function openSslCurves(names: readonly string[]): string {
  if (names.length === 0) throw new Error("error parsing tls config, 'curve_preferences' cannot be empty")
  return names.map(curve).join(':')
}

function curve(name: string): string {
  const upper = name.toUpperCase()
  if (Object.hasOwn(CURVES, upper)) return CURVES[upper]
  throw new Error(`unrecognized curve preference ${name}`)
}

/** The IANA name of OpenSSL's cipher, as monitoring shows it. */
export function ianaCipher(name: string): string {
  return Object.entries(CIPHERS).find(([, openSsl]) => openSsl === name)?.[0] ?? name
}
