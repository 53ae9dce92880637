/** Fills in and checks what accounts share, take and map. */
import {
  type AccountLimits,
  type AccountShares,
  type AccountTracing,
  type Bus,
  checkShares,
  connectShares,
  type ExportDefinition,
  type ImportDefinition,
  type LatencyDefinition,
  Mappings,
} from '../core/index.ts'
import { hasWildcard, isLiteralSubject } from '../subjects/index.ts'
import type {
  AccountLimitOptions,
  AccountOptions,
  ExportOptions,
  ImportOptions,
  MappingOptions,
  MappingsOptions,
} from './security-options.ts'

const RESPONSE_THRESHOLD_MS = 120_000
const EVERY = 100

export interface AccountSettings extends AccountShares {
  readonly mappings: MappingsOptions
  readonly limits: AccountLimits
  readonly tracing: AccountTracing | null
}

/**
 * Checks accounts and what goes between them.
 * @throws Error with nats-server's sentence where it has one
 */
export function settleAccounts(
  accounts: Readonly<Record<string, AccountOptions>>,
  global: { name: string; mappings: MappingsOptions },
  system: string,
): AccountSettings[] {
  const settled: AccountSettings[] = Object.entries(accounts).map(([name, account]) => ({
    name,
    exports: (account.exports ?? []).map(exportOf),
    imports: (account.imports ?? []).map(importOf),
    mappings: account.mappings ?? {},
    limits: limitsOf(account.limits),
    tracing: tracingOf(account.messageTrace),
  }))
  const bare = { exports: [], imports: [], limits: limitsOf(undefined), tracing: null }
  settled.push({ ...bare, ...global })
  if (!Object.hasOwn(accounts, system)) settled.push({ ...bare, name: system, mappings: {} })
  checkShares(settled)
  for (const { mappings } of settled) mappingsOf(mappings)
  return settled
}

/** Makes the accounts of a bus as they are set. Returns what takes away again what goes between them. */
export function openAccounts(bus: Bus, settled: readonly AccountSettings[]): () => void {
  for (const { name, mappings, limits, tracing } of settled) {
    const account = bus.account(name)
    account.mappings = mappingsOf(mappings)
    account.limits = limits
    account.tracing = tracing
  }
  return connectShares(bus, settled)
}

/** @throws Error with nats-server's sentence for a mapping that can't be; null for none */
export function mappingsOf(options: MappingsOptions): Mappings | null {
  const entries = Object.entries(options)
  if (entries.length === 0) return null
  const mappings = new Mappings()
  for (const [source, given] of entries) {
    const list = typeof given === 'string' ? [{ destination: given, weight: EVERY }] : [given].flat()
    try {
      mappings.add(
        source,
        (list as MappingOptions[]).map(({ destination, weight }) => ({ subject: destination, weight })),
      )
    } catch (error) {
      const to = typeof given === 'string' ? ` to "${given}"` : ''
      throw new Error(`Error adding mapping for "${source}"${to} : ${(error as Error).message}`)
    }
  }
  return mappings
}

function exportOf(given: ExportOptions): ExportDefinition {
  const { stream, service } = given
  if ((stream === undefined) === (service === undefined)) {
    throw new Error('an export is either a stream or a service')
  }
  return {
    kind: stream === undefined ? 'service' : 'stream',
    subject: stream ?? service ?? '',
    accounts: given.accounts ?? null,
    accountTokenPosition: given.accountTokenPosition ?? 0,
    responseType: given.responseType ?? 'singleton',
    responseThresholdMs: given.responseThreshold ?? RESPONSE_THRESHOLD_MS,
    ...(given.latency === undefined ? {} : { latency: latencyOf(given.latency) }),
    allowTrace: given.allowTrace ?? false,
  }
}

function latencyOf({ subject, sampling = EVERY }: NonNullable<ExportOptions['latency']>): LatencyDefinition {
  return { subject, sampling: sampling === 'headers' ? 0 : sampling }
}

function tracingOf(given: AccountOptions['messageTrace']): AccountTracing | null {
  if (given === undefined) return null
  const { destination, sampling = EVERY } = given
  if (!(sampling >= 1 && sampling <= EVERY))
    throw new Error(`Trace destination sampling value ${sampling} is invalid, needs to be [1..100]`)
  if (!isLiteralSubject(destination)) throw new Error(`Trace destination "${destination}" is not valid`)
  return { destination, sampling }
}

function importOf({ stream, service, to, prefix, share, allowTrace }: ImportOptions): ImportDefinition {
  const from = stream ?? service
  if (from === undefined || (stream !== undefined && service !== undefined)) {
    throw new Error('an import is either a stream or a service')
  }
  if (prefix !== undefined && to !== undefined) {
    throw new Error("Stream import can not have a 'prefix' and a 'to' property")
  }
  if (prefix !== undefined && hasWildcard(prefix)) {
    throw new Error(
      `Error adding stream import "${from.subject}": stream import prefix can not contain wildcard tokens`,
    )
  }
  const before = prefix ? (prefix.endsWith('.') ? prefix : `${prefix}.`) : ''
  return {
    kind: stream === undefined ? 'service' : 'stream',
    account: from.account,
    subject: from.subject,
    to: to ?? before + from.subject,
    share: share ?? false,
    allowTrace: allowTrace ?? false,
  }
}

function limitsOf(options: AccountLimitOptions = {}): AccountLimits {
  const limit = (given: number | undefined): number => given ?? -1
  return {
    maxConnections: limit(options.maxConnections),
    maxSubscriptions: limit(options.maxSubscriptions),
    maxPayloadBytes: limit(options.maxPayload),
  }
}
