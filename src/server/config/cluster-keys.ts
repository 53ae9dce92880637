/** `cluster { … }`: taken while it has no routes, since a cluster of one node is one node; and what else spans servers. */
import { CLUSTER_REFUSAL, type Launch } from '../launch.ts'
import type { KeyTable, Reader } from './reader.ts'
import { duration, noMatter, text } from './setters.ts'
import { type ConfigEntry, ConfigMap, show, typeName } from './value.ts'

const ALONE = 'it has no routes, so that this server would be alone in it: nothing listens for other servers'

export function cluster(launch: Launch, entry: ConfigEntry, reader: Reader): void {
  const { data } = entry.value
  if (!(data instanceof ConfigMap))
    reader.fail(`Expected map to define cluster, got ${typeName(entry.value)}`)
  const mistakes = reader.errors.length
  reader.each(data as ConfigMap, launch, clusterKeys, {})
  if (reader.errors.length === mistakes)
    launch.notices?.push(`${show(entry.place)}: "cluster" has no effect: ${ALONE}`)
}

const anything = (): void => {}
const period = duration(() => {})

const clusterKeys: KeyTable<Launch> = {
  name: (_launch, entry, reader) => {
    if (reader.string(entry).includes(' ')) reader.fail('cluster name cannot contain spaces')
  },
  listen: (_launch, entry, reader) => void reader.address(entry),
  port: noMatter.number,
  host: noMatter.text,
  net: noMatter.text,
  authorization: anything,
  routes: (_launch, entry, reader) => {
    const { data } = entry.value
    if (!Array.isArray(data))
      return reader.fail(`interface conversion: interface {} is ${typeName(entry.value)}, not []interface {}`)
    if (data.length > 0) reader.fail(`"routes" is not supported: ${CLUSTER_REFUSAL}`)
  },
  tls: anything,
  cluster_advertise: noMatter.text,
  advertise: noMatter.text,
  no_advertise: noMatter.toggle,
  connect_retries: noMatter.number,
  connect_backoff: noMatter.toggle,
  permissions: anything,
  pool_size: noMatter.number,
  accounts: anything,
  compression: anything,
  ping_interval: period,
  ping_max: noMatter.number,
  write_deadline: period,
  write_timeout: text(() => {}),
}

/** Keys of what spans servers, or comes by another protocol. */
export const refusedClusterKeys: Readonly<Record<string, string>> = {
  gateway: CLUSTER_REFUSAL,
  leaf: CLUSTER_REFUSAL,
  leafnodes: CLUSTER_REFUSAL,
  default_js_domain: CLUSTER_REFUSAL,
  mqtt: 'Contrail does not serve MQTT yet; nats-server does, and `contrail move` takes the streams there',
}
