/**
 * The PROXY protocol, versions 1 and 2: what a proxy says of who is behind it, before anything else. A client that comes without a
 * proxy is taken as well, as with nats-server.
 */
import { isIP } from 'node:net'

/** How a header begins is known from so many bytes. */
const FIRST_BYTES = 6
const V1_START = 'PROXY '
/** With the end of the line. */
const V1_LONGEST = 107
const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V2_HEAD_BYTES = 16
const IPV4_BYTES = 12
const IPV6_BYTES = 36

export interface ProxiedAddress {
  readonly host: string
  readonly port: number
}

export type ProxyHeader =
  /** More bytes are needed. */
  | { readonly kind: 'cut' }
  /** There is none: the bytes are the client's. */
  | { readonly kind: 'none' }
  | { readonly kind: 'bad'; readonly reason: string }
  /** `length`: bytes of it. `address`: null for the proxy itself, as it looks whether the server is well. */
  | { readonly kind: 'read'; readonly length: number; readonly address: ProxiedAddress | null }

const CUT: ProxyHeader = { kind: 'cut' }
const INVALID = 'invalid PROXY protocol header'
const UNSUPPORTED = 'unsupported PROXY protocol feature'

/** What the first bytes of a connection say. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.length < FIRST_BYTES) return CUT
  if (bytes.toString('latin1', 0, FIRST_BYTES) === V1_START) return readVersion1(bytes)
  if (bytes.subarray(0, FIRST_BYTES).equals(V2_START.subarray(0, FIRST_BYTES))) return readVersion2(bytes)
  return { kind: 'none' }
}

function readVersion1(bytes: Buffer): ProxyHeader {
  const line = bytes.toString('latin1', 0, V1_LONGEST)
  const end = line.indexOf('\r\n')
  if (end < 0) return bytes.length < V1_LONGEST ? CUT : bad(`${INVALID}: v1 line too long`)
  const length = end + 2
  const parts = line
    .slice(FIRST_BYTES, end)
    .split(/[\t-\r \x85\xa0]+/)
    .filter((part) => part !== '')
  const [protocol, source, destination, sourcePort, destinationPort] = parts
  if (protocol === 'UNKNOWN') return { kind: 'read', length, address: null }
  if (parts.length !== 5) return bad(`${INVALID}: invalid v1 format`)
  if (!isAddress(source) || !isAddress(destination)) return bad(`${INVALID}: invalid address`)
  for (const [which, port] of [
    ['source', sourcePort],
    ['dest', destinationPort],
  ])
    if (!isPort(port)) return bad(`invalid ${which} port: ${portMistake(port)}`)
  const [isWide, isAlsoWide] = [source, destination].map((each) => each.includes(':'))
  if (protocol === 'TCP4' && (isWide || isAlsoWide)) return bad(`${INVALID}: TCP4 with IPv6 address`)
  if (protocol === 'TCP6' && !(isWide && isAlsoWide)) return bad(`${INVALID}: TCP6 with IPv4 address`)
  if (protocol !== 'TCP4' && protocol !== 'TCP6') return bad(`${INVALID}: invalid protocol ${protocol}`)
  return { kind: 'read', length, address: { host: plain(source), port: Number(sourcePort) } }
}

function readVersion2(bytes: Buffer): ProxyHeader {
  if (bytes.length < V2_START.length) return CUT
  if (!bytes.subarray(0, V2_START.length).equals(V2_START)) return bad(`${INVALID}: invalid signature`)
  if (bytes.length < V2_HEAD_BYTES) return CUT
  const [version, command] = [bytes[12] >> 4, bytes[12] & 15]
  const [family, transport] = [bytes[13] >> 4, bytes[13] & 15]
  const size = bytes.readUInt16BE(14)
  const length = V2_HEAD_BYTES + size
  const isWhole = bytes.length >= length
  if (version !== 2) return bad(`${INVALID}: invalid version 0x${version}0`)
  const own: ProxyHeader = isWhole ? { kind: 'read', length, address: null } : CUT
  if (command === 0) return own
  if (command !== 1) return bad(`unknown PROXY protocol command: 0x0${command.toString(16)}`)
  if (transport !== 1) return bad(`${UNSUPPORTED}: only STREAM protocol supported`)
  // What stands behind the addresses is for others.
  switch (family) {
    case 0:
      return own
    case 1:
      if (size < IPV4_BYTES) return bad(`IPv4 address data too short: ${size} bytes`)
      return isWhole ? { kind: 'read', length, address: ipv4(bytes) } : CUT
    case 2:
      if (size < IPV6_BYTES) return bad(`IPv6 address data too short: ${size} bytes`)
      return isWhole ? { kind: 'read', length, address: ipv6(bytes) } : CUT
    default:
      return bad(`${UNSUPPORTED}: unsupported address family 0x${family}0`)
  }
}

function bad(reason: string): ProxyHeader {
  return { kind: 'bad', reason }
}

function ipv4(bytes: Buffer): ProxiedAddress {
  return { host: bytes.subarray(16, 20).join('.'), port: bytes.readUInt16BE(24) }
}

function ipv6(bytes: Buffer): ProxiedAddress {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(16 + 2 * i).toString(16))
  return { host: plain(groups.join(':')), port: bytes.readUInt16BE(48) }
}

function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%')
}

function isPort(text: string): boolean {
  return /^\d+$/.test(text) && Number(text) <= 65_535
}

function portMistake(text: string): string {
  const why = /^\d+$/.test(text) ? 'value out of range' : 'invalid syntax'
  return `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${why}`
}

/** In its shortest form; one of IPv4 that is written as IPv6 as IPv4. */
function plain(address: string): string {
  if (!address.includes(':')) return address
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(short)
  if (mapped === null) return short
  const [high, low] = mapped.slice(1).map((group) => Number.parseInt(group, 16))
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
