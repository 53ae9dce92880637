/** What of a server's settings may change while it runs; the rest is refused in nats-server's words. */
import type { CoreLimits } from '../core/index.ts'
import { formatDuration } from './duration.ts'
import { FEATURE_FLAGS } from './operation-options.ts'
import type { Settings } from './options.ts'

/** A setting that changes with a start only: how nats-server calls it, and how its value is shown. */
interface Fixed {
  name: string
  show?: (value: never) => string
}

const fixedSettings: Readonly<Partial<Record<keyof Settings, Fixed>>> = {
  host: { name: 'Host' },
  port: { name: 'Port' },
  name: { name: 'ServerName' },
  jetstream: { name: 'JetStream' },
  syncInterval: {
    name: 'SyncInterval',
    show: (value: Settings['syncInterval']) => (value === 'always' ? value : formatDuration(value)),
  },
  domain: { name: 'JetStreamDomain' },
  proxyProtocol: { name: 'ProxyProtocol' },
  monitorHost: { name: 'HTTPHost' },
  monitorPort: { name: 'HTTPPort', show: (port: number | null) => String(port === null ? 0 : port || -1) },
  monitorIsSecure: { name: 'HTTPSPort' },
  monitorBasePath: { name: 'HTTPBasePath' },
  noSystemAccount: { name: 'NoSystemAccount' },
  writeTimeout: { name: 'WriteTimeout', show: (value: string | null) => value ?? '' },
  lameDuckMs: { name: 'LameDuckDuration', show: formatDuration },
  lameDuckGraceMs: { name: 'LameDuckGracePeriod', show: formatDuration },
  maxClosedClients: { name: 'MaxClosedClients' },
  featureFlags: { name: 'FeatureFlags', show: (value: Settings['featureFlags']) => goMap(value) },
}

const fixedLimits: Readonly<Partial<Record<keyof CoreLimits, string>>> = {
  maxPendingBytes: 'MaxPending',
  maxSubscriptions: 'MaxSubs',
  maxSubscriptionTokens: 'MaxSubTokens',
  withoutHeaders: 'NoHeaderSupport',
}

/**
 * Settings as they are after a reload: `next`, with what was decided at the start kept.
 * @throws Error for the first setting that differs and can't change now
 */
export function reloaded(now: Settings, next: Settings): Settings {
  // Any free port is the one that was found.
  const port = next.port === 0 ? now.port : next.port
  const isAnyPort = next.monitorPort === 0 && now.monitorPort !== null
  const monitorPort = isAnyPort ? now.monitorPort : next.monitorPort
  const wanted = { ...next, port, monitorPort, clock: now.clock, storage: now.storage }
  for (const [key, { name, show = String }] of Object.entries(fixedSettings) as [keyof Settings, Fixed][])
    check(name, now[key], wanted[key], show as (value: unknown) => string)
  for (const [key, name] of Object.entries(fixedLimits) as [keyof CoreLimits, string][])
    check(name, now.limits[key] ?? 0, wanted.limits[key] ?? 0, String)
  if ((now.tls === null) !== (wanted.tls === null))
    throw new Error('config reload not supported for switching TLS on or off')
  if (!same(now.websocket, wanted.websocket)) throw new Error('config reload not supported for Websocket')
  if (!same(withoutPreload(now), withoutPreload(wanted)))
    throw new Error('config reload not supported for operators and their resolver')
  check('SystemAccount', now.security.systemAccount, wanted.security.systemAccount, String)
  if (now.jetstream) checkStore(now, wanted)
  return wanted
}

/** What of operators can't change. */
function withoutPreload({ security }: Settings): unknown {
  const { preload: _, ...others } = security.operator ?? {}
  return others
}

function check(name: string, before: unknown, after: unknown, show: (value: unknown) => string): void {
  if (same(before, after)) return
  throw new Error(`config reload not supported for ${name}: old=${show(before)}, new=${show(after)}`)
}

function checkStore(now: Settings, next: Settings): void {
  if (now.storeDir !== next.storeDir)
    throw new Error('config reload not supported for jetstream storage directory')
  // Keys are not shown.
  if (!same(now.encryption, next.encryption))
    throw new Error('config reload not supported for the encryption of jetstream')
  for (const key of ['maxMemoryStore', 'maxFileStore'] as const) {
    const [before, after] = [now[key], next[key]]
    if (before === after) continue
    if (before === null)
      throw new Error('config reload not supported for jetstream dynamic max memory and store')
    if (after === null) throw new Error('config reload not supported for jetstream max memory and max store')
    if (after < before)
      throw new Error('config reload not supported for decreasing jetstream max memory and store')
  }
}

/** By what they hold. */
export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** Those that are not as they always are. */
function goMap(map: Readonly<Record<string, boolean>>): string {
  const parts = Object.keys(map)
    .filter((key) => map[key] !== FEATURE_FLAGS[key])
    .sort()
    .map((key) => `${key}:${map[key]}`)
  return `map[${parts.join(' ')}]`
}

/** What has changed and may: names as in a configuration file, and the values now. For the log. */
export function changesOf(now: Settings, next: Settings): string[] {
  const pairs: [string, unknown, unknown][] = [
    ['max_connections', now.limits.maxConnections, next.limits.maxConnections],
    ['max_control_line', now.limits.maxControlLineBytes, next.limits.maxControlLineBytes],
    ['max_payload', now.limits.maxPayloadBytes, next.limits.maxPayloadBytes],
    ['ping_interval', formatDuration(now.limits.pingIntervalMs), formatDuration(next.limits.pingIntervalMs)],
    ['ping_max', now.limits.pingMax, next.limits.pingMax],
    [
      'write_deadline',
      formatDuration(now.limits.writeDeadlineMs),
      formatDuration(next.limits.writeDeadlineMs),
    ],
    ['authorization timeout', now.limits.authTimeoutMs / 1000, next.limits.authTimeoutMs / 1000],
    ['trace', now.trace, next.trace],
    ['max_traced_msg_len', now.maxTracedMessage, next.maxTracedMessage],
  ]
  const changes = pairs
    .filter(([, before, after]) => before !== after)
    .map(([name, , after]) => `Reloaded: ${name} = ${after}`)
  if (!same(now.jetstreamLimits, next.jetstreamLimits)) changes.push('Reloaded: JetStream limits')
  return changes.concat(wordsOf(now, next))
}

function wordsOf(now: Settings, next: Settings): string[] {
  const words: string[] = []
  if (!same(now.tags, next.tags)) words.push('Reloaded: tags')
  if (!same(now.metadata, next.metadata)) words.push('Reloaded: metadata')
  if (!same(now.clientAdvertise, next.clientAdvertise))
    words.push(`Reload: client_advertise = ${advertised(next)}`)
  if (now.limits.neverStalls !== next.limits.neverStalls)
    words.push(`Reloaded: fast producers will ${next.limits.neverStalls ? 'not ' : ''}be stalled`)
  return words
}

function advertised({ clientAdvertise }: Settings): string {
  if (clientAdvertise === null) return ''
  const { host, port } = clientAdvertise
  return port === 0 ? host : `${host}:${port}`
}
