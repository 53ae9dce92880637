/** Every key of nats-server's configuration file: what it sets, or why it is refused. */
import type { Launch } from '../launch.ts'
import { authorization } from './authorization-keys.ts'
import { cluster, refusedClusterKeys } from './cluster-keys.ts'
import { jetstream, topStoreDir } from './jetstream-keys.ts'
import { limitKeys, networkKeys, refusedSwitch } from './network-keys.ts'
import { logKeys, processKeys } from './process-keys.ts'
import type { KeyTable } from './reader.ts'

const noSystemAccount = refusedSwitch('there is always a system account')

export const topKeys: KeyTable<Launch> = {
  ...networkKeys,
  ...limitKeys,
  ...logKeys,
  ...processKeys,
  authorization,
  jetstream,
  store_dir: topStoreDir,
  storedir: topStoreDir,
  cluster,
  no_system_account: noSystemAccount,
  no_system: noSystemAccount,
  no_sys_acc: noSystemAccount,
}

const later = 'Contrail does not serve it yet'

/** Keys that nats-server knows and Contrail refuses. */
export const refusedTopKeys: Readonly<Record<string, string>> = {
  ...refusedClusterKeys,
  ...Object.fromEntries(
    [
      'account_resolver',
      'accounts',
      'accounts_resolver',
      'allow_non_tls',
      'default_sentinel',
      'https',
      'https_port',
      'mappings',
      'maps',
      'no_auth_user',
      'ocsp',
      'ocsp_cache',
      'operator',
      'operators',
      'proxies',
      'proxy_protocol',
      'resolver',
      'resolver_pinned_accounts',
      'resolver_preload',
      'resolver_tls',
      'root',
      'root_operator',
      'root_operators',
      'roots',
      'system',
      'system_account',
      'tls',
      'trusted',
      'trusted_keys',
      'websocket',
      'ws',
    ].map((key) => [key, later]),
  ),
}
