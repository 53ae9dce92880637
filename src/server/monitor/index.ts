import type { Bus } from '../../core/index.ts'
import type { JetStreamService } from '../jetstream-service.ts'
import type { Settings } from '../options.ts'

export interface MonitorOptions {
  bus: Bus
  settings: Settings
  id: string
  name: string
  jetstream: () => JetStreamService | null
}
export class Monitor {
  port = 0
  constructor(_options: MonitorOptions) {}
  async listen(): Promise<number> {
    return 0
  }
  async close(): Promise<void> {}
}
