/** Every key of nats-server's configuration file: what it sets, or why it is refused. */
import type { Launch } from '../launch.ts'
import { accounts } from './account-keys.ts'
import { authorization } from './authorization-keys.ts'
import { cluster, refusedClusterKeys } from './cluster-keys.ts'
import { jetstream, topStoreDir } from './jetstream-keys.ts'
import { mappings } from './mapping-keys.ts'
import { limitKeys, networkKeys } from './network-keys.ts'
import { operatorKeys } from './operator-keys.ts'
import { logKeys, processKeys } from './process-keys.ts'
import type { KeyTable } from './reader.ts'
import { toggle } from './setters.ts'
import { tls } from './tls-keys.ts'
import { websocket } from './websocket-keys.ts'

const noSystemAccount = toggle(({ server }, value) => {
  server.noSystemAccount = value
})

export const topKeys: KeyTable<Launch> = {
  ...networkKeys,
  ...limitKeys,
  ...logKeys,
  ...processKeys,
  ...operatorKeys,
  authorization,
  accounts,
  no_auth_user: ({ server }, entry, reader) => {
    server.noAuthUser = reader.string(entry)
  },
  mappings: globalMappings,
  maps: globalMappings,
  system: systemAccount,
  system_account: systemAccount,
  tls: ({ server }, entry, reader) => {
    server.tls = { ...server.tls, ...tls(entry, reader) }
  },
  websocket: webSocket,
  ws: webSocket,
  allow_non_tls: ({ server }, entry, reader) => {
    server.tls = { cert: '', key: '', ...server.tls, allowNonTls: reader.boolean(entry) }
  },
  jetstream,
  store_dir: topStoreDir,
  storedir: topStoreDir,
  cluster,
  no_system_account: noSystemAccount,
  no_system: noSystemAccount,
  no_sys_acc: noSystemAccount,
}

type Key = KeyTable<Launch>[string]

function webSocket(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.websocket = websocket(entry, reader)
}

function globalMappings(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.mappings = mappings(entry, reader)
}

function systemAccount(...[{ server }, entry, reader]: Parameters<Key>): void {
  const { data } = entry.value
  server.systemAccount = typeof data === 'string' ? data : reader.fail('system account name must be a string')
}

const later = 'Contrail does not serve it yet'

/** Keys that nats-server knows and Contrail refuses. */
export const refusedTopKeys: Readonly<Record<string, string>> = {
  ...refusedClusterKeys,
  ...Object.fromEntries(['ocsp', 'ocsp_cache', 'proxies', 'resolver_tls'].map((key) => [key, later])),
}
