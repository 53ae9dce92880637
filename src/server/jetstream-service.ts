/** JetStream as the server runs it: the store opened and closed, and what monitoring asks of it. */
import type { Bus } from '../core/index.ts'
import type { Logger } from './logger.ts'
import type { Settings } from './options.ts'

export interface JetStreamServiceOptions {
  bus: Bus
  settings: Settings
  serverId: string
  serverName: string
  logger: Logger
}

export class JetStreamService {
  static async open(_options: JetStreamServiceOptions): Promise<JetStreamService> {
    throw new Error('JetStream is not wired yet')
  }

  async stopServing(): Promise<void> {}

  async close(): Promise<void> {}
}
