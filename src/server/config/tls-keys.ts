/** `tls { cert_file, key_file, ca_file, verify, … }`. */
import { insecureCiphers, openSslCiphers, openSslCurves } from '../tls-names.ts'
import { pin, settleTls, type TlsOptions } from '../tls-options.ts'
import { parseDurationMs } from './number.ts'
import type { KeyTable, Reader } from './reader.ts'
import { type ConfigEntry, ConfigMap, type Place, typeName } from './value.ts'

/** What handshake-first waits for, where it is said to find out by itself. */
const AUTO_MS = 50
const ALLOW_INSECURE = 'allow_insecure_cipher_suites'

export function tls(entry: ConfigEntry, reader: Reader): TlsOptions {
  const found: TlsOptions = { cert: '', key: '' }
  const unknown = (key: string): string => `error parsing tls config, unknown field "${key}"`
  const mistakes = reader.errors.length
  const { data } = entry.value
  if (!(data instanceof ConfigMap)) return reader.wrongType(entry.value, 'map[string]interface {}')
  reader.each(data, found, tlsKeys, refusedKeys, false, unknown)
  const insecure = insecureCiphers(found.cipherSuites ?? [])
  if (insecure.length > 0 && !allowsInsecure(data))
    reader.fail(
      `insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: ${insecure.join(', ')}`,
    )
  // Files are read to see whether they can be; without any nats-server says nothing until the start.
  if (reader.errors.length === mistakes && (found.cert !== '' || found.key !== '')) {
    try {
      settleTls(found)
    } catch (error) {
      reader.fail((error as Error).message)
    }
  }
  return found
}

function allowsInsecure(map: ConfigMap): boolean {
  const found = [...map.entries.values()].find(({ key }) => key.toLowerCase() === ALLOW_INSECURE)
  return found?.value.data === true
}

type Key = KeyTable<TlsOptions>[string]

const file =
  (name: 'ca' | 'cert' | 'key'): Key =>
  (target, entry, reader) => {
    const { data } = entry.value
    if (typeof data !== 'string')
      reader.fail(`error parsing tls config, expected '${entry.key}' to be filename`)
    target[name] = data as string
  }

const switched =
  (name: 'verify' | 'verifyAndMap'): Key =>
  (target, entry, reader) => {
    const { data } = entry.value
    if (typeof data !== 'boolean') {
      reader.fail(`error parsing tls config, expected '${entry.key}' to be a boolean`)
    }
    target[name] = data as boolean
  }

const tlsKeys: KeyTable<TlsOptions> = {
  cert_file: file('cert'),
  key_file: file('key'),
  ca_file: file('ca'),
  verify: switched('verify'),
  verify_and_map: switched('verifyAndMap'),
  // Of connections that the server makes itself.
  insecure: () => {},
  [ALLOW_INSECURE]: (_target, entry, reader) => {
    reader.boolean(entry)
  },
  // For Windows, and macOS.
  cert_store: (_target, _entry, reader) => {
    reader.fail('cert_store not compatible with current operating system')
  },
  cipher_suites: (target, entry, reader) => {
    target.cipherSuites = known(entry, reader, openSslCiphers)
  },
  curve_preferences: (target, entry, reader) => {
    target.curves = known(entry, reader, openSslCurves)
  },
  timeout: (target, entry, reader) => {
    target.timeout = timeoutMs(entry, reader)
  },
  pinned_certs: (target, entry, reader) => {
    target.pinnedCerts = reader.array(entry).map(({ data, place }) => {
      try {
        return pin(String(data))
      } catch (error) {
        return reader.fail((error as Error).message, place)
      }
    })
  },
  connection_rate_limit: (target, entry, reader) => {
    const { data, isFloat } = entry.value
    if (typeof data !== 'number' || isFloat)
      reader.fail("error parsing tls config, 'connection_rate_limit' wrong type")
    target.connectionRateLimit = data as number
  },
  handshake_first: handshakeFirst,
  first: handshakeFirst,
  immediate: handshakeFirst,
  min_version: (target, entry, reader) => {
    const text = reader.string(entry)
    if (text === '1.2' || text === '1.3') target.minVersion = text
    else {
      const isOld = text === '1.0' || text === '1.1'
      reader.fail(
        `error parsing tls config: ${isOld ? `unsupported TLS version: TLS ${text}` : `unknown version: ${text}`}`,
      )
    }
  },
}

const later = 'Contrail does not serve it yet'

const refusedKeys: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'ca_certs_match',
    'cert_match',
    'cert_match_by',
    'cert_match_skip_invalid',
    'certificates',
    'certs',
    'ocsp_peer',
    'verify_cert_and_check_known_urls',
  ].map((key) => [key, later]),
)

/** A list that is not empty, of names that are known. */
function known(entry: ConfigEntry, reader: Reader, check: (names: string[]) => unknown): string[] {
  const values = reader.array(entry)
  const attempt = (texts: string[], place: Place): void => {
    try {
      check(texts)
    } catch (error) {
      reader.fail((error as Error).message, place)
    }
  }
  if (values.length === 0) attempt([], entry.place)
  return values.map(({ data, place }) => {
    attempt([String(data)], place)
    return String(data)
  })
}

/** Seconds as a number, or a duration. */
function timeoutMs(entry: ConfigEntry, reader: Reader): number {
  const { data } = entry.value
  if (typeof data === 'number') return data * 1000
  if (typeof data !== 'string') return reader.fail("error parsing tls config, 'timeout' wrong type")
  try {
    return parseDurationMs(data)
  } catch (error) {
    return reader.fail(`error parsing tls config, 'timeout' ${(error as Error).message}`)
  }
}

function handshakeFirst(...[target, entry, reader]: Parameters<Key>): void {
  const { data } = entry.value
  if (typeof data === 'boolean') target.handshakeFirst = data
  else if (typeof data === 'string') target.handshakeFirst = handshakeWord(data, entry, reader)
  else {
    const type = data instanceof ConfigMap ? 'map[string]interface {}' : typeName(entry.value)
    reader.fail(`field "${entry.key}" should be a boolean or a string, got ${type}`)
  }
}

function handshakeWord(text: string, entry: ConfigEntry, reader: Reader): boolean | number {
  const word = text.toLowerCase()
  if (word === 'true' || word === 'on') return true
  if (word === 'false' || word === 'off') return false
  if (word === 'auto' || word === 'auto_fallback') return AUTO_MS
  try {
    return parseDurationMs(text)
  } catch {
    return reader.fail(`field "${entry.key}"'s value "${text}" is invalid`)
  }
}
