/** The basic operations: each for a short time, its rate by the messages, keys or consumers done. */
import type { OperationName } from '../../measures.ts'
import { consumerRequest, createConsumer, deleteConsumer, purgeStream, streamState } from '../load/api.ts'
import { fill } from '../load/fill.ts'
import { type PumpPlan, pump } from '../load/pump.ts'
import { read } from '../load/reader.ts'
import { bucket, filter, type Ground, log, payload } from './ground.ts'

/** Of each operation in a sample. */
const seconds = 0.25
const manyInFlight = 500
/** For requests of the API, which servers queue. */
const fewInFlight = 20
const mostRead = 50_000
const mostPublished = 50_000
const purged = 300
const mostCreated = 500
const nothing = Buffer.alloc(0)

type Operation = (ground: Ground) => Promise<number>

/** In this order: those that leave work behind them come last. */
export const operations: Record<OperationName, Operation> = {
  overwrite: (ground) =>
    timed(ground, {
      inFlight: manyInFlight,
      send: (_, inbox) => ground.stage.wire.output.publish(ground.randomKey(), payload, inbox),
    }),
  get: (ground) =>
    timed(ground, {
      inFlight: manyInFlight,
      send: (_, inbox) =>
        ground.stage.wire.output.publish(
          `$JS.API.DIRECT.GET.${bucket}.${ground.randomKey()}`,
          nothing,
          inbox,
        ),
    }),
  deliver: (ground) => deliver(ground, {}),
  filtered: (ground) => deliver(ground, { filter_subject: filter }),
  ack: acknowledge,
  consumer: createAndDelete,
  purge: purgeSubjects,
  delete: deleteMessages,
  publish: async (ground) => {
    const { output } = ground.stage.wire
    const rate = await timed(ground, {
      inFlight: manyInFlight,
      count: mostPublished,
      send: (_, inbox) => output.publish(ground.nextSubject(), payload, inbox),
    })
    // Back to its size, which for the next operations must be what it is said to be.
    await purgeStream(ground.stage.wire, log, { keep: ground.messages })
    return rate
  },
}

async function timed(ground: Ground, plan: PumpPlan): Promise<number> {
  const { rate } = await pump(ground.stage.wire, { seconds: ground.stage.seconds(seconds), ...plan })
  return rate
}

/** New consumers read from the beginning until the time is over; only reading is timed. */
async function deliver(ground: Ground, config: object): Promise<number> {
  const { stage } = ground
  const limit = stage.seconds(seconds)
  let received = 0
  let took = 0
  while (took < limit) {
    const consumer = `d${stage.turn()}`
    const pending = await createConsumer(stage.wire, log, consumer, { ack_policy: 'none', ...config })
    const count = Math.min(mostRead, pending)
    const result = await read(stage.wire, { stream: log, consumer, count, seconds: limit })
    await deleteConsumer(stage.wire, log, consumer)
    received += result.received
    took += result.seconds
  }
  return received / took
}

async function acknowledge(ground: Ground): Promise<number> {
  const { wire } = ground.stage
  const consumer = `a${ground.stage.turn()}`
  await createConsumer(wire, log, consumer, { max_ack_pending: -1 })
  const replies: string[] = []
  const count = Math.min(mostRead / 2, ground.messages)
  await read(wire, { stream: log, consumer, count, onReply: (reply) => replies.push(reply) })
  const ack = Buffer.from('+ACK')
  const rate = await timed(ground, {
    inFlight: manyInFlight,
    count: replies.length,
    send: (i, inbox) => wire.output.publish(replies[i], ack, inbox),
  })
  await deleteConsumer(wire, log, consumer)
  return rate
}

/** Messages from anywhere in the log; one that is gone already doesn't count. */
async function deleteMessages(ground: Ground): Promise<number> {
  const { wire } = ground.stage
  const { first_seq, last_seq } = await streamState(wire, log)
  const rate = await timed(ground, {
    inFlight: fewInFlight,
    count: Math.floor(ground.messages / 10),
    lenient: true,
    send: (_, inbox) => {
      const seq = first_seq + ground.random(last_seq - first_seq + 1)
      wire.output.publish(
        `$JS.API.STREAM.MSG.DELETE.${log}`,
        Buffer.from(`{"seq":${seq},"no_erase":true}`),
        inbox,
      )
    },
  })
  const { messages } = await streamState(wire, log)
  await fill(wire, ground.messages - messages, payload, () => ground.nextSubject())
  return rate
}

/** Subjects with one message each, whatever the size of the log. */
async function purgeSubjects(ground: Ground): Promise<number> {
  const { wire } = ground.stage
  const subject = (i: number | '*') => `log.purged.${i}`
  await fill(wire, purged, payload, subject)
  const rate = await timed(ground, {
    inFlight: fewInFlight,
    count: purged,
    send: (i, inbox) =>
      wire.output.publish(`$JS.API.STREAM.PURGE.${log}`, Buffer.from(`{"filter":"${subject(i)}"}`), inbox),
  })
  await purgeStream(wire, log, { filter: subject('*') })
  return rate
}

/** Some are made, then they are deleted: a server need not take requests in their order. */
async function createAndDelete(ground: Ground): Promise<number> {
  const { wire } = ground.stage
  const turn = ground.stage.turn()
  const name = (i: number) => `p${turn}_${i}`
  const created = await pump(wire, {
    inFlight: fewInFlight,
    count: mostCreated,
    seconds: ground.stage.seconds(seconds),
    send: (i, inbox) => {
      const body = JSON.stringify(consumerRequest(log, name(i), { filter_subject: 'log.0.0' }))
      wire.output.publish(`$JS.API.CONSUMER.CREATE.${log}.${name(i)}`, Buffer.from(body), inbox)
    },
  })
  const deleted = await pump(wire, {
    inFlight: fewInFlight,
    count: created.done,
    send: (i, inbox) => wire.output.publish(`$JS.API.CONSUMER.DELETE.${log}.${name(i)}`, nothing, inbox),
  })
  return deleted.done / (created.seconds + deleted.seconds)
}
