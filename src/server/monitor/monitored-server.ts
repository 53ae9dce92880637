import type { Bus } from '../../core/index.ts'
import type { JetStreamService } from '../jetstream-service.ts'
import type { OperatorAccounts } from '../operator/accounts.ts'
import type { Settings } from '../options.ts'
import type { ClosedConnections } from './connection-record.ts'

/** What the monitoring's pages see of a server. */
export interface MonitoredServer {
  readonly id: string
  readonly name: string
  readonly bus: Bus
  readonly settings: Settings
  /** Null when JetStream is not served. */
  readonly jetstream: JetStreamService | null
  /** Accounts by their JWTs; null: not in operator mode. */
  readonly operatorAccounts: OperatorAccounts | null
  readonly monitorPort: number | null
  /** When the options were taken that hold now. */
  readonly loadedMs: number
  readonly closedConnections: ClosedConnections
  /** How often each page was asked for. */
  readonly requests: Record<string, number>
}
