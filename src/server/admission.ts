import { type Bus, Connection, type Peer, type Transport } from '../core/index.ts'
import { TracedTransport } from './trace.ts'

/** Takes clients in, for every listener: where connections are traced and where monitoring learns of their end. */
export class Admission {
  /** Told of every connection that has ended. */
  onClosed: ((connection: Connection, reason: string) => void) | null = null
  private readonly bus: Bus
  private readonly isTracing: boolean

  constructor(bus: Bus, isTracing: boolean) {
    this.bus = bus
    this.isTracing = isTracing
  }

  /** A connection of the bus on this transport. */
  admit(transport: Transport, peer: Peer): Connection {
    const { bus } = this
    let connection: Connection
    if (this.isTracing) {
      const traced = new TracedTransport(transport, (text) => bus.log('trace', text))
      connection = new Connection(bus, traced, peer)
      traced.follow(connection)
    } else {
      connection = new Connection(bus, transport, peer)
    }
    if (this.onClosed !== null) connection.onClosed = this.onClosed
    return connection
  }
}
