/** The ways a client may come, as users are bound to them. */
import type { Peer } from '../core/index.ts'

export const CONNECTION_TYPES = [
  'STANDARD',
  'WEBSOCKET',
  'LEAFNODE',
  'LEAFNODE_WS',
  'MQTT',
  'MQTT_WS',
  'IN_PROCESS',
] as const
export type ConnectionType = (typeof CONNECTION_TYPES)[number]

const typeOf: Readonly<Record<Peer['kind'], ConnectionType>> = {
  tcp: 'STANDARD',
  'in-process': 'IN_PROCESS',
  websocket: 'WEBSOCKET',
}

/** The type of this name, in whatever case; null when there is none. */
export function connectionType(name: string): ConnectionType | null {
  const upper = name.toUpperCase()
  return CONNECTION_TYPES.find((type) => type === upper) ?? null
}

/** May somebody come this way? None named: everybody. */
export function mayComeBy(allowed: readonly ConnectionType[], peer: Peer): boolean {
  return allowed.length === 0 || allowed.includes(typeOf[peer.kind])
}
