import { apiError } from '../errors.ts'
import type { JetStreamLimits } from '../limits.ts'
import type { StreamConfig } from '../types.ts'
import { type AccountView, checkStreamConfig, invalidConfig } from './check.ts'
import { encodeStreamConfig } from './fields.ts'

/** Do they mean the same? */
export function isSameStreamConfig(left: StreamConfig, right: StreamConfig): boolean {
  return JSON.stringify(encodeStreamConfig(left)) === JSON.stringify(encodeStreamConfig(right))
}

/**
 * What a stream's configuration becomes when it is updated. Throws for what may not change. Sealing takes other
 * fields along.
 */
export function updatedStreamConfig(
  before: StreamConfig,
  asked: StreamConfig,
  server: JetStreamLimits,
  pedantic: boolean,
  account: AccountView,
): StreamConfig {
  const config = checkStreamConfig(asked, server, pedantic, account)
  const refuse = (what: string): Error => invalidConfig(`stream configuration update can not ${what}`)
  if (config.name !== before.name) throw invalidConfig('stream configuration name must match original')
  if ((config.num_replicas ?? 1) > 1) throw apiError('JSStreamReplicasNotSupportedErr')
  if (config.storage !== before.storage) throw refuse('change storage type')
  if (
    config.retention !== before.retention &&
    (config.retention === 'workqueue' || before.retention === 'workqueue')
  ) {
    throw refuse('change retention policy to/from workqueue')
  }
  if (before.sealed && !config.sealed) throw refuse('unseal a sealed stream')
  if (before.deny_delete && !config.deny_delete) throw refuse('cancel deny message deletes')
  if (before.deny_purge && !config.deny_purge) throw refuse('cancel deny purge')
  // Without its mirror a stream is one of its own: it is promoted.
  const { mirror } = config
  if (mirror !== undefined && JSON.stringify(mirror) !== JSON.stringify(before.mirror)) {
    throw apiError('JSStreamMirrorNotUpdatableErr')
  }
  if (before.allow_msg_ttl && !config.allow_msg_ttl) {
    throw invalidConfig('message TTL status can not be disabled')
  }
  if ((before.allow_msg_counter ?? false) !== (config.allow_msg_counter ?? false)) {
    throw refuse('change message counter setting')
  }
  if (before.allow_msg_schedules && !config.allow_msg_schedules) {
    throw invalidConfig('message schedules can not be disabled')
  }
  if ((config.persist_mode || 'default') !== (before.persist_mode || 'default')) {
    throw refuse('change persist mode')
  }
  if (config.sealed) {
    config.max_age = 0
    config.discard = 'new'
    config.deny_delete = true
    config.deny_purge = true
    config.allow_rollup_hdrs = false
  }
  return config
}
