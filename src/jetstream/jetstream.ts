import type { Bus } from '../core/index.ts'
import type { Clock } from '../ports/index.ts'
import type { Store } from '../storage/index.ts'

export type Log = (level: 'error' | 'info' | 'warn', text: string) => void

export interface JetStreamOptions {
  bus: Bus
  store: Store
  clock: Clock
  log?: Log
  domain?: string
  /** Bytes of memory and of files that streams may use; -1 without limit. */
  maxMemory?: number
  maxStore?: number
  serverName: string
  serverId: string
}

/** JetStream of one server. */
export class JetStream {
  readonly bus: Bus
  readonly store: Store
  readonly clock: Clock
  /** '' without. */
  readonly domain: string

  constructor(options: JetStreamOptions) {
    this.bus = options.bus
    this.store = options.store
    this.clock = options.clock
    this.domain = options.domain ?? ''
  }
}
