/** What the system account's messages say of the server they come from. */
import { goTime } from '../monitor/go-text.ts'
import type { MonitoredServer } from '../monitor/monitored-server.ts'
import { COMPATIBLE_VERSION } from '../versions.ts'

/** nats-server's bits: JetStream, compressed answers and account-wide NRGs; here the first alone. */
const JETSTREAM_FLAG = 1

export class ServerRecord {
  private readonly server: MonitoredServer
  private sequence = 0

  constructor(server: MonitoredServer) {
    this.server = server
  }

  /** With the next number. */
  next(): Record<string, unknown> {
    const { server } = this
    const { settings } = server
    const hasJetStream = server.jetstream !== null
    return {
      ...this.id(),
      ...(hasJetStream && settings.domain !== '' ? { domain: settings.domain } : {}),
      ver: COMPATIBLE_VERSION,
      ...(settings.tags.length > 0 ? { tags: settings.tags } : {}),
      ...(Object.keys(settings.metadata).length > 0 ? { metadata: settings.metadata } : {}),
      feature_flags: settings.featureFlags,
      jetstream: hasJetStream,
      flags: hasJetStream ? JETSTREAM_FLAG : 0,
      seq: ++this.sequence,
      time: goTime(server.bus.clock.now()),
    }
  }

  id(): Record<string, unknown> {
    const { name, id, bus } = this.server
    return { name, host: bus.info.host, id }
  }
}
