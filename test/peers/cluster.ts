/** Three nats-servers in a cluster on loopback, with JetStream. */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { freePort, PeerServer } from './servers.ts'

const NODES = 3
/** How long the nodes may take to find each other and elect. */
const READY_MS = 30_000

export class Cluster {
  readonly nodes: PeerServer[]

  private constructor(nodes: PeerServer[]) {
    this.nodes = nodes
  }

  /** Resolves when streams with three copies can be made. */
  static async start(): Promise<Cluster> {
    const ports = await Promise.all(Array.from({ length: NODES }, freePort))
    const routes = ports.map((port) => `nats-route://127.0.0.1:${port}`).join(',')
    const nodes = ports.map(
      (port, i) =>
        new PeerServer('nats-server', {
          flags: [
            ...['-js', '-n', `node-${i}`, '--cluster_name', 'three'],
            ...['--cluster', `nats://127.0.0.1:${port}`, '--routes', routes],
          ],
        }),
    )
    const cluster = new Cluster(nodes)
    try {
      await Promise.all(nodes.map((node) => node.start()))
      await cluster.ready()
    } catch (error) {
      await cluster.dispose()
      throw error
    }
    return cluster
  }

  /** All nodes, for a client's list of servers. */
  get urls(): string {
    return this.nodes.map((node) => node.url).join(',')
  }

  /** A node that leads a stream. */
  async leaderOf(jsm: JetStreamManager, stream: string): Promise<PeerServer> {
    const { cluster } = await jsm.streams.info(stream)
    return this.nodes[Number(cluster?.leader?.replace('node-', '') ?? 0)]
  }

  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.dispose()))
  }

  private async ready(): Promise<void> {
    const nc = await connect({ servers: this.urls.split(',') })
    try {
      const end = Date.now() + READY_MS
      for (;;) {
        try {
          const jsm = await jetstreamManager(nc, { timeout: 2000 })
          await jsm.streams.add({ name: 'ready', subjects: ['ready'], num_replicas: NODES })
          await jsm.streams.delete('ready')
          return
        } catch (error) {
          if (Date.now() > end) throw error
          await new Promise((resolve) => setTimeout(resolve, 200))
        }
      }
    } finally {
      await nc.close()
    }
  }
}
