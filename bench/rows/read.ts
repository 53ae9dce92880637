/**
 * Reading a stream on file: ordered, consume with a callback, fetch; and the key-value store's get beside
 * its put.
 */
import type { Row } from '../row.ts'
import { onServer, type Stage } from './on-server.ts'

const contenders = ['contrail', 'default'] as const
const stored = 500_000
const targets = [{ measure: 'rate', against: 'default', atLeast: 0.8 }] as const

function read(kind: 'ordered' | 'consume' | 'fetch', messages: number, acks: string): Row {
  return {
    name: `JetStream ${kind}, 128 B`,
    how: `nats bench js ${kind}, ${acks}, 500 buffered, from a stream on file that holds them`,
    contenders,
    targets,
    open: (contest) =>
      onServer(contest, {
        messages,
        prepare: async ({ admin, bench }) => {
          await admin.streams.add({ name: 'read', subjects: ['read'] })
          const flags = '--stream read --batch 500 --size 128'
          await bench.run(`js pub async read ${flags} --msgs ${contest.count(stored)}`)
        },
        sample: async ({ bench, messages }) => {
          const { rate } = await bench.run(`js ${kind} --stream read --size 128 --msgs ${messages}`)
          return { rate }
        },
        tidy: async (stage) => {
          if (kind !== 'ordered') await removeConsumers(stage)
        },
      }),
  }
}

async function removeConsumers({ admin }: Stage): Promise<void> {
  const names: string[] = []
  for await (const consumer of admin.consumers.list('read')) names.push(consumer.name)
  for (const name of names) await admin.consumers.delete('read', name)
}

export const readRows: Row[] = [
  read('ordered', 500_000, 'no acknowledgements'),
  read('consume', 300_000, 'explicit acknowledgements'),
  read('fetch', 300_000, 'explicit acknowledgements'),
]
