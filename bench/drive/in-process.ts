/**
 * Runs in a process of its own and prints one figure.
 *   in-process.js start                     milliseconds of the first Server.start
 *   in-process.js publish COUNT             messages a second over server.connect(), durable
 *   in-process.js publish COUNT URL STREAM  the same publisher over TCP
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import type { Server } from '../../src/server/index.ts'
import { publishPipelined } from './pipelined-publisher.ts'

const inFlight = 500
const payload = new Uint8Array(128).fill(0x78)
const warmUpPart = 0.25

async function withServer(port: number | undefined, use: (server: Server) => Promise<void>): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-bench-embedded-'))
  try {
    const { Server } = await import('../../src/server/index.ts')
    const begun = performance.now()
    const server = await Server.start({ jetstream: true, storeDir: join(folder, 'store'), port })
    const took = performance.now() - begun
    await use(server)
    await server.stop()
    return took
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function publishEmbedded(count: number): Promise<number> {
  let rate = 0
  await withServer(undefined, async (server) => {
    const connection = await server.connect()
    const manager = await jetstreamManager(connection)
    await manager.streams.add({ name: 'bench', subjects: ['bench'] })
    await publishPipelined(connection, 'bench', payload, Math.ceil(count * warmUpPart), inFlight)
    rate = await publishPipelined(connection, 'bench', payload, count, inFlight)
    await connection.close()
  })
  return rate
}

async function publishOver(url: string, stream: string, count: number): Promise<number> {
  const connection = await connect({ servers: url })
  await publishPipelined(connection, stream, payload, Math.ceil(count * warmUpPart), inFlight)
  const rate = await publishPipelined(connection, stream, payload, count, inFlight)
  await connection.close()
  return rate
}

const [what, count, url, stream] = process.argv.slice(2)
const figure =
  what === 'start'
    ? await withServer(0, async () => {})
    : url
      ? await publishOver(url, stream, Number(count))
      : await publishEmbedded(Number(count))
console.log(figure)
