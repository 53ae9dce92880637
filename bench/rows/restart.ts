/** Restart after a clean stop and after kill -9 over a store that holds many messages, and memory then. */

import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { NatsBench } from '../drive/nats-bench.ts'
import { settleDisk } from '../drive/settle.ts'
import type { Contest, Row, Runner, Target } from '../row.ts'
import { Place } from '../servers/contender.ts'
import { type ServerProcess, sleep } from '../servers/server-process.ts'

/** Published before each kill -9, so that there is something to recover. */
const freshMessages = 10_000
/** Memory is read when recovery's own garbage had time to go. */
const restMs = 1500

/** What the store holds. */
interface Content {
  messages: number
  /** Default: 1. */
  streams?: number
  /** Bytes of each message. Default: 128. */
  size?: number
}

async function restart(contest: Contest, content: Content): Promise<Runner> {
  const { messages, streams = 1, size = 128 } = content
  const place = new Place(contest)
  let acknowledged = 0
  const publish = async (server: ServerProcess, count: number) => {
    const bench = new NatsBench(contest.tools.nats, server.url)
    const each = Math.ceil(count / streams)
    for (let i = 0; i < streams; i++) {
      const name = `stored-${i}`
      await bench.run(`js pub async ${name} --stream ${name} --batch 500 --size ${size} --msgs ${each}`)
      acknowledged += each
    }
  }
  try {
    const server = await place.start()
    try {
      await withManager(server, async (manager) => {
        for (let i = 0; i < streams; i++) {
          await manager.streams.add({ name: `stored-${i}`, subjects: [`stored-${i}`] })
        }
      })
      await publish(server, contest.count(messages))
    } finally {
      await server.stop()
    }
  } catch (error) {
    place.remove()
    throw error
  }
  return {
    sample: async () => {
      settleDisk()
      let server = await place.start()
      try {
        const startClean = server.startMs
        await sleep(restMs)
        const resident = server.residentMiB()
        await publish(server, contest.count(freshMessages))
        await server.kill()
        settleDisk()
        server = await place.start()
        await expectMessages(server, streams, acknowledged)
        return { startClean, startKilled: server.startMs, resident }
      } finally {
        await server.stop()
      }
    },
    close: async () => place.remove(),
  }
}

/** What was acknowledged must be there, whoever is measured. */
function expectMessages(server: ServerProcess, streams: number, expected: number): Promise<void> {
  return withManager(server, async (manager) => {
    let found = 0
    for (let i = 0; i < streams; i++) found += (await manager.streams.info(`stored-${i}`)).state.messages
    if (found !== expected) throw new Error(`${expected} acknowledged, ${found} found`)
  })
}

async function withManager(
  server: ServerProcess,
  use: (manager: JetStreamManager) => Promise<void>,
): Promise<void> {
  const connection = await connect({ servers: server.url })
  try {
    await use(await jetstreamManager(connection))
  } finally {
    await connection.close()
  }
}

function row(name: string, content: Content, targets: Target[], more: Partial<Row> = {}): Row {
  return {
    name,
    how: 'until a connection is accepted and INFO arrives; 10,000 more messages before each kill -9; memory 1.5 s after the clean start',
    contenders: ['contrail', 'default'],
    targets,
    open: (contest) => restart(contest, content),
    ...more,
  }
}

export const restartRows: Row[] = [
  row('restart with 1 M messages, 128 B', { messages: 1_000_000 }, [
    { measure: 'startClean', atMost: 400 },
    { measure: 'startKilled', atMost: 700 },
    { measure: 'resident', atMost: 110 },
  ]),
  row(
    'restart with 10 M messages, 128 B',
    { messages: 10_000_000 },
    [
      { measure: 'startClean', atMost: 900 },
      { measure: 'startKilled', atMost: 900 },
      { measure: 'resident', atMost: 130 },
    ],
    { flag: 'tenMillion', rounds: 3 },
  ),
  row(
    'restart with 50 streams and 10 M messages, 128 B',
    { messages: 10_000_000, streams: 50 },
    [{ measure: 'startKilled', atMost: 3000 }],
    { flag: 'tenMillion', rounds: 3 },
  ),
  row(
    'restart with 10 GiB in messages of 64 KiB',
    { messages: 163_840, size: 65_536 },
    [{ measure: 'startClean', atMost: 400 }],
    { flag: 'tenMillion', rounds: 3 },
  ),
]
