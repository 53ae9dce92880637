import type { JetStreamAccount } from '../account/account.ts'
import { type JetStreamAccountLimits, ONLY_TIER, shownAccountLimits } from '../config/account-limits.ts'
import { API_LEVEL } from '../config/stream/metadata.ts'
import type { ApiRequest } from './request.ts'

/** `INFO`: what the account uses and may use. */
export function accountInfo(request: ApiRequest): object {
  const { account } = request
  const { usage } = account
  return {
    ...used(account, usage.hasTiers ? null : usage.limitsOrNone),
    ...(account.host.domain === '' ? {} : { domain: account.host.domain }),
    api: { level: API_LEVEL, total: account.apiTotal, errors: account.apiErrors },
    ...(usage.hasTiers ? { tiers: tiersOf(account) } : {}),
  }
}

function used(account: JetStreamAccount, limits: JetStreamAccountLimits | null): Record<string, unknown> {
  const { usage, streams } = account
  let consumers = 0
  for (const stream of streams.values()) consumers += stream.consumers.size
  return {
    memory: usage.memory,
    storage: usage.storage,
    reserved_memory: usage.reservedMemory,
    reserved_storage: usage.reservedStorage,
    streams: streams.size,
    consumers,
    limits: shownAccountLimits(limits),
  }
}

const UNUSED = { memory: 0, storage: 0, reserved_memory: 0, reserved_storage: 0, streams: 0, consumers: 0 }

/** Each tier with its limits. All that is used is of one of them, which is shown without limits when it has none. */
function tiersOf(account: JetStreamAccount): Record<string, unknown> {
  const { tiers, limitsOrNone } = account.usage
  const names = new Set(Object.keys(tiers))
  if (account.streams.size > 0) names.add(ONLY_TIER)
  const shown = [...names].sort().map((name): [string, unknown] => {
    if (name === ONLY_TIER) return [name, used(account, limitsOrNone)]
    return [name, { ...UNUSED, limits: shownAccountLimits(tiers[name]) }]
  })
  return Object.fromEntries(shown)
}
