import type { Bus, ClientProtocol, Peer, Session, Transport } from '../core/index.ts'
import { follow, type TraceSettings } from './trace.ts'

/** Takes clients in, for every listener: where connections are traced and where others learn of their end. */
export class Admission {
  private readonly bus: Bus
  private readonly trace: TraceSettings
  private readonly protocols = new Set<ClientProtocol>()
  private readonly traced = new WeakSet<ClientProtocol>()
  private readonly listeners: ((session: Session, reason: string) => void)[] = []

  constructor(bus: Bus, trace: TraceSettings) {
    this.bus = bus
    this.trace = { ...trace }
  }

  /** Told of every connection that has ended. */
  onClosed(listener: (session: Session, reason: string) => void): void {
    this.listeners.push(listener)
  }

  /** A client of the bus on this transport. */
  admit(transport: Transport, peer: Peer): ClientProtocol {
    const protocol = this.bus.connect(transport, peer)
    const { session } = protocol
    if (session.isClosed) return protocol
    this.protocols.add(protocol)
    session.onClosed = (_session, reason) => {
      this.protocols.delete(protocol)
      for (const listener of this.listeners) listener(session, reason)
    }
    if (this.trace.isOn) this.follow(protocol)
    return protocol
  }

  /** What is traced from now on, of the clients that are there too. */
  changeTrace(trace: TraceSettings): void {
    Object.assign(this.trace, trace)
    if (trace.isOn) for (const protocol of this.protocols) this.follow(protocol)
  }

  private follow(protocol: ClientProtocol): void {
    if (this.traced.has(protocol)) return
    this.traced.add(protocol)
    follow(protocol, this.trace, (text) => this.bus.log('trace', text))
  }
}
