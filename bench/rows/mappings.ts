/** Publishing to streams that map subjects, publish again, or count. */
import { incrementCounters } from '../drive/increments.ts'
import type { Row } from '../row.ts'
import { onServer, type Stage } from './on-server.ts'

const contenders = ['contrail', 'default'] as const

/** Not all of them are in the client's types. */
type StreamFields = Parameters<Stage['admin']['streams']['add']>[0] & {
  allow_msg_counter?: boolean
  republish?: { src: string; dest: string }
  subject_transform?: { src: string; dest: string }
}

const name = (stage: Stage) => `bench-${stage.turn}`
const remove = async (stage: Stage) => {
  await stage.admin.streams.delete(name(stage))
}

function published(row: string, what: string, fields: (stream: string) => Partial<StreamFields>): Row {
  return {
    name: `JetStream publish async, 500 in flight, 128 B, ${row}`,
    how: `nats bench js pub async --batch 500 --size 128, ${what}, storage file, a fresh stream each round`,
    contenders,
    targets: [{ measure: 'cpu', against: 'default', atMost: 1 }],
    open: (contest) =>
      onServer(contest, {
        messages: 300_000,
        sample: async (stage) => {
          const stream = name(stage)
          await stage.admin.streams.add({ name: stream, subjects: [stream], ...fields(stream) })
          const { rate } = await stage.bench.run(
            `js pub async ${stream} --stream ${stream} --batch 500 --size 128 --msgs ${stage.messages}`,
          )
          return { rate }
        },
        tidy: remove,
      }),
  }
}

const COUNTERS = 1000

const counters: Row = {
  name: 'JetStream counters, 500 increments in flight',
  how: `one raw connection, ${COUNTERS} counters in turns, storage file, a fresh stream each round`,
  contenders,
  targets: [
    { measure: 'rate', against: 'default', atLeast: 0.8 },
    { measure: 'cpu', against: 'default', atMost: 1 },
  ],
  open: (contest) =>
    onServer(contest, {
      messages: 200_000,
      sample: async (stage) => {
        const stream = name(stage)
        const fields: StreamFields = { name: stream, subjects: [`${stream}.*`], allow_msg_counter: true }
        await stage.admin.streams.add(fields)
        const subjects = Array.from({ length: COUNTERS }, (_, i) => `${stream}.${i}`)
        return { rate: await incrementCounters(stage.server.port, subjects, stage.messages, 500) }
      },
      tidy: remove,
    }),
}

export const mappingRows: Row[] = [
  published('mapped', 'subject_transform with a partition', (stream) => ({
    subject_transform: { src: stream, dest: `${stream}.{{partition(10)}}` },
  })),
  published('published again', 'republish to where nobody listens', (stream) => ({
    republish: { src: stream, dest: `again.${stream}` },
  })),
  counters,
]
