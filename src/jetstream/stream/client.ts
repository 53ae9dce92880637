import type { Account, Origin } from '../../core/index.ts'
import { formatMs } from '../config/time-text.ts'
import type { StreamHost } from './host.ts'

/** Who asked, as events tell it; `origin` is null for something inside the server. */
export function describeClient(host: StreamHost, account: Account, origin: Origin | null): object {
  if (origin === null) return { acc: account.name, server: host.serverName }
  return {
    start: formatMs(origin.startedMs),
    host: origin.peer.host,
    id: origin.id,
    acc: account.name,
    ...(origin.user === '' ? {} : { user: origin.user }),
    ...(origin.options.name ? { name: origin.options.name } : {}),
    ...(origin.options.lang ? { lang: origin.options.lang } : {}),
    ...(origin.options.version ? { ver: origin.options.version } : {}),
    ...(origin.rttMs > 0 ? { rtt: Math.round(origin.rttMs * 1e6) } : {}),
    server: host.serverName,
    kind: 'Client',
    client_type: 'nats',
  }
}
