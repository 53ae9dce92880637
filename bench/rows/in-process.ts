/** Durable publishing without a socket, through the client's own API, beside the same publisher over TCP. */
import { runChild } from '../drive/child.ts'
import type { Contest, Row, Runner } from '../row.ts'
import { onServer } from './on-server.ts'

const messages = 400_000

async function inProcess(contest: Contest): Promise<Runner> {
  const count = String(contest.count(messages))
  if (contest.contender === 'contrail') {
    return {
      sample: async () => ({ rate: await runChild(contest, ['publish', count]) }),
      close: async () => {},
    }
  }
  const runner = await onServer(contest, {
    messages,
    sample: async ({ server, admin, turn }) => {
      const stream = `bench-${turn}`
      await admin.streams.add({ name: stream, subjects: [stream] })
      return { rate: await runChild(contest, ['publish', count, server.url, stream]) }
    },
    tidy: async ({ admin, turn }) => {
      await admin.streams.delete(`bench-${turn}`)
    },
  })
  // The generator is most of it, so the server's processor time says nothing beside one process that is both.
  return { ...runner, sample: async () => ({ rate: (await runner.sample()).rate }) }
}

export const inProcessRows: Row[] = [
  {
    name: 'in-process durable publish, 500 in flight, 128 B',
    how: 'pipelined publisher over server.connect(), in a process of its own; nats-server: the same publisher over TCP',
    contenders: ['contrail', 'default'],
    targets: [{ measure: 'rate', atLeast: 120_000 }],
    open: inProcess,
  },
]
