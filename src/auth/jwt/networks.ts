/** Networks that a user may come from. */
import { BlockList, isIP } from 'node:net'

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

interface Network {
  readonly address: string
  readonly bits: number
  readonly family: 'ipv4' | 'ipv6'
}

/** `10.0.0.0/8`, `fd00::/8`. */
export function isNetwork(text: string): boolean {
  return networkOf(text) !== null
}

/** Is the address in one of the networks? None: every address is. */
export function isWithin(networks: readonly string[], address: string): boolean {
  if (networks.length === 0) return true
  const plain = MAPPED.exec(address)?.[1] ?? address
  if (isIP(plain) === 0) return false
  const list = new BlockList()
  for (const each of networks) {
    const network = networkOf(each)
    if (network === null) return false
    list.addSubnet(network.address, network.bits, network.family)
  }
  return list.check(plain, isIP(plain) === 4 ? 'ipv4' : 'ipv6')
}

function networkOf(text: string): Network | null {
  const match = /^([0-9a-f.:]+)\/(\d{1,3})$/i.exec(text)
  if (match === null) return null
  const [, address, digits] = match
  const [kind, bits] = [isIP(address), Number(digits)]
  if (kind === 0 || bits > (kind === 4 ? 32 : 128)) return null
  return { address, bits, family: kind === 4 ? 'ipv4' : 'ipv6' }
}
