import type { Bus, ClientProtocol, Peer, Session, Transport } from '../core/index.ts'
import { TracedTransport } from './trace.ts'

/** Takes clients in, for every listener: where connections are traced and where monitoring learns of their end. */
export class Admission {
  /** Told of every connection that has ended. */
  onClosed: ((session: Session, reason: string) => void) | null = null
  private readonly bus: Bus
  private readonly isTracing: boolean

  constructor(bus: Bus, isTracing: boolean) {
    this.bus = bus
    this.isTracing = isTracing
  }

  /** A client of the bus on this transport. */
  admit(transport: Transport, peer: Peer): ClientProtocol {
    const { bus } = this
    let protocol: ClientProtocol
    if (this.isTracing) {
      const traced = new TracedTransport(transport, (text) => bus.log('trace', text))
      protocol = bus.connect(traced, peer)
      traced.follow(protocol)
    } else {
      protocol = bus.connect(transport, peer)
    }
    if (this.onClosed !== null) protocol.session.onClosed = this.onClosed
    return protocol
  }
}
