/**
 * A work queue's whole cycle: published, delivered, acknowledged, the acknowledgement confirmed, the message
 * gone.
 */
import { runWorkQueue } from '../drive/work-queue.ts'
import type { Row } from '../row.ts'
import { onServer, type Stage } from './on-server.ts'

const contenders = ['contrail', 'default', 'always'] as const
const queue = (stage: Stage) => `queue-${stage.turn}`
const targets = [{ measure: 'rate', against: 'default', atLeast: 1 }] as const

async function addQueue(stage: Stage): Promise<void> {
  await stage.admin.streams.add({ name: queue(stage), subjects: [queue(stage)], retention: 'workqueue' })
}

async function removeQueue(stage: Stage): Promise<void> {
  const { state } = await stage.admin.streams.info(queue(stage))
  await stage.admin.streams.delete(queue(stage))
  if (state.messages !== 0) throw new Error(`${state.messages} messages are left in the work queue`)
}

const pipelined: Row = {
  name: 'work queue cycle, 500 in flight, 128 B',
  how: 'one Node process: pipelined publisher, consume() with a callback, every ack with a reply inbox; until all acks are confirmed',
  contenders,
  targets,
  open: (contest) =>
    onServer(contest, {
      messages: { contrail: 100_000, default: 100_000, always: 3_000 },
      sample: async (stage) => {
        await addQueue(stage)
        return { rate: await runWorkQueue(stage.server.url, queue(stage), 128, stage.messages) }
      },
      tidy: removeQueue,
    }),
}

const workers = 50

const doubleAck: Row = {
  name: 'work queue cycle, 50 workers with double ack, 128 B',
  how: 'nats bench js pub async (500 in flight) while nats bench js consume --doubleack drains it; the consumers’ rate',
  contenders,
  targets,
  open: (contest) =>
    onServer(contest, {
      messages: { contrail: 100_000, default: 100_000, always: 3_000 },
      sample: async (stage) => {
        await addQueue(stage)
        const { bench } = stage
        const messages = Math.ceil(stage.messages / workers) * workers
        const common = `--stream ${queue(stage)} --size 128 --msgs ${messages}`
        const consume = await bench.start(`js consume ${common} --clients ${workers} --doubleack`)
        await bench.run(`js pub async ${queue(stage)} ${common} --batch 500`)
        const { rate } = bench.read((await consume.finished).output)
        return { rate, messages }
      },
      tidy: removeQueue,
    }),
}

export const workQueueRows: Row[] = [pipelined, doubleAck]
