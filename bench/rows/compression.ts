/** Streams of JSON with and without compression: what publishing and reading cost, and what is on disk. */
import { join } from 'node:path'
import { connect } from '@nats-io/transport-node'
import { orders } from '../drive/orders.ts'
import { PipelinedPublisher } from '../drive/pipelined-publisher.ts'
import type { Row } from '../row.ts'
import { sleep } from '../servers/server-process.ts'
import { folderBytes } from '../servers/usage.ts'
import { onServer, type Stage } from './on-server.ts'

const MESSAGES = 200_000
const IN_FLIGHT = 500
/** Segments are compressed some seconds after they are full. */
const SETTLED_MS = 8000

function compressed(compression: 'none' | 's2'): Row {
  const words = compression === 'none' ? 'not compressed' : 'compressed (s2)'
  return {
    name: `JetStream orders, ${words}`,
    how:
      `200,000 different orders in JSON (some 330 B) to a stream with compression ${compression}, by one official client in Node, ${IN_FLIGHT} in flight; then, ` +
      '8 s later, `nats bench js ordered` through all of them (delivered/s); bytes of the stream’s files, without Contrail’s journal; processor time of all of it',
    contenders: ['contrail', 'default'],
    targets: [
      { measure: 'rate', against: 'default', atLeast: 0.8 },
      { measure: 'delivered', against: 'default', atLeast: 0.8 },
    ],
    isLong: true,
    rounds: 3,
    open: (contest) =>
      onServer(contest, {
        messages: MESSAGES,
        sample: async (stage) => {
          const { admin, bench, folder, turn, messages } = stage
          const name = `orders-${turn}`
          await admin.streams.add({ name, subjects: [name], compression } as Parameters<
            Stage['admin']['streams']['add']
          >[0])
          const rate = await publishAll(stage, name)
          await sleep(SETTLED_MS)
          const disk = folderBytes(join(folder, 'store', 'jetstream', streamFiles(stage))) / 2 ** 20
          const { rate: delivered } = await bench.run(`js ordered --stream ${name} --msgs ${messages}`)
          return { rate, delivered, disk }
        },
        tidy: async ({ admin, turn }) => {
          await admin.streams.delete(`orders-${turn}`)
          await sleep(SETTLED_MS / 2)
        },
      }),
  }
}

function streamFiles({ contender }: Stage): string {
  return contender === 'contrail' ? 'logs' : join('$G', 'streams')
}

async function publishAll({ server, messages }: Stage, subject: string): Promise<number> {
  const payloads = orders(messages)
  const connection = await connect({ servers: server.url })
  try {
    const publisher = new PipelinedPublisher(connection)
    let next = 0
    const lane = async () => {
      while (next < payloads.length) await publisher.publish(subject, payloads[next++])
    }
    const begun = performance.now()
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
    return (messages / (performance.now() - begun)) * 1000
  } finally {
    await connection.close()
  }
}

export const compressionRows: Row[] = [compressed('none'), compressed('s2')]
