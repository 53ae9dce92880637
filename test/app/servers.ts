/** A server of its own for a test, that can be stopped, killed and started again on its port and folder. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Server } from '../../src/server/index.ts'
import { freePort, PeerServer } from '../peers/servers.ts'
import { onRealServer } from './support.ts'

export interface RestartableServer {
  readonly url: string
  start(): Promise<void>
  stop(): Promise<void>
  dispose(): Promise<void>
}

/** nats-server in the peers' run, else Contrail in this process with a port. Runs when this resolves; `dispose` ends it. */
export async function restartableServer(): Promise<RestartableServer> {
  const server = onRealServer ? realServer() : await ownServer()
  await server.start()
  return server
}

function realServer(): RestartableServer {
  const server = new PeerServer('nats-server')
  return {
    get url() {
      return server.url
    },
    start: async () => {
      await server.start()
    },
    stop: () => server.stop('SIGKILL'),
    dispose: () => server.dispose(),
  }
}

async function ownServer(): Promise<RestartableServer> {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-restart-'))
  const port = await freePort()
  let server: Server | null = null
  return {
    url: `nats://127.0.0.1:${port}`,
    start: async () => {
      server = await Server.start({ storeDir: folder, port })
    },
    stop: async () => {
      await server?.stop()
      server = null
    },
    dispose: async () => {
      await server?.stop()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
