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

async function restart(contest: Contest, messages: number): Promise<Runner> {
  const place = new Place(contest)
  let acknowledged = 0
  const publish = async (server: ServerProcess, count: number) => {
    const bench = new NatsBench(contest.tools.nats, server.url)
    await bench.run(`js pub async stored --stream stored --batch 500 --size 128 --msgs ${count}`)
    acknowledged += count
  }
  try {
    const server = await place.start()
    try {
      await withManager(server, async (manager) => {
        await manager.streams.add({ name: 'stored', subjects: ['stored'] })
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
        await expectMessages(server, acknowledged)
        return { startClean, startKilled: server.startMs, resident }
      } finally {
        await server.stop()
      }
    },
    close: async () => place.remove(),
  }
}

/** What was acknowledged must be there, whoever is measured. */
function expectMessages(server: ServerProcess, expected: number): Promise<void> {
  return withManager(server, async (manager) => {
    const { state } = await manager.streams.info('stored')
    if (state.messages !== expected) throw new Error(`${expected} acknowledged, ${state.messages} found`)
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

function row(name: string, messages: number, targets: Target[], more: Partial<Row> = {}): Row {
  return {
    name,
    how: 'until a connection is accepted and INFO arrives; 10,000 more messages before each kill -9; memory 1.5 s after the clean start',
    contenders: ['contrail', 'default'],
    targets,
    open: (contest) => restart(contest, messages),
    ...more,
  }
}

export const restartRows: Row[] = [
  row('restart with 1 M messages, 128 B', 1_000_000, [
    { measure: 'startClean', atMost: 400 },
    { measure: 'startKilled', atMost: 700 },
    { measure: 'resident', atMost: 110 },
  ]),
  row(
    'restart with 10 M messages, 128 B',
    10_000_000,
    [
      { measure: 'startClean', atMost: 900 },
      { measure: 'startKilled', atMost: 900 },
      { measure: 'resident', atMost: 130 },
    ],
    { flag: 'tenMillion', rounds: 3 },
  ),
]
