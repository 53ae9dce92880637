/** Mirrors and sources: how fast they catch up with a stream on file. */
import type { Row } from '../row.ts'
import { onServer, type Stage } from './on-server.ts'

const contenders = ['contrail', 'default'] as const
const targets = [{ measure: 'rate', against: 'default', atLeast: 0.8 }] as const
const stored = 500_000
const LOOK_EVERY_MS = 10

function copy(kind: 'mirror' | 'source'): Row {
  return {
    name: `JetStream ${kind} catches up, 128 B`,
    how: `from the creation of a stream with a ${kind} until it has all messages of a stream on file`,
    contenders,
    targets,
    open: (contest) =>
      onServer(contest, {
        messages: stored,
        prepare: async ({ admin, bench }) => {
          await admin.streams.add({ name: 'origin', subjects: ['origin'] })
          await bench.run(
            `js pub async origin --stream origin --batch 500 --size 128 --msgs ${contest.count(stored)}`,
          )
        },
        sample: async (stage) => {
          const { admin } = stage
          const messages = contest.count(stored)
          const begun = performance.now()
          const origin = { name: 'origin' }
          await admin.streams.add({
            name: 'copy',
            ...(kind === 'mirror' ? { mirror: origin } : { sources: [origin] }),
          })
          await untilHas(stage, messages)
          return { rate: (messages / (performance.now() - begun)) * 1000, messages }
        },
        tidy: async ({ admin }) => {
          await admin.streams.delete('copy')
        },
      }),
  }
}

async function untilHas({ admin }: Stage, messages: number): Promise<void> {
  while ((await admin.streams.info('copy')).state.messages < messages)
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
}

export const copyRows: Row[] = [copy('mirror'), copy('source')]
