/** Streams with many consumers. */
import {
  createConsumer,
  createConsumers,
  createStream,
  deleteConsumer,
  manyConsumers,
  purgeStream,
  streamState,
} from '../load/api.ts'
import { fill } from '../load/fill.ts'
import { pump } from '../load/pump.ts'
import { randoms } from '../load/random.ts'
import { read } from '../load/reader.ts'
import { watch } from '../load/watches.ts'
import type { OnFrame } from '../load/wire.ts'
import type { ScaleRow } from '../row.ts'

const payload = Buffer.alloc(128, 'x')

function filteredConsumers(count: number): ScaleRow {
  return {
    name: `publish to a stream with ${count.toLocaleString('en-US')} filtered consumers`,
    how: 'each consumer filters a subject of its own and does not read; random subjects of theirs, 500 in flight, 2 s',
    load: async (stage) => {
      const consumers = stage.count(count)
      const { wire } = stage
      await createStream(wire, 'JOBS', ['jobs.>'], manyConsumers)
      await createConsumers(wire, 'JOBS', consumers, (i) => ({ filter_subject: `jobs.${i}` }))
      const random = randoms()
      return async () => {
        const sample = await stage.rated(() =>
          pump(wire, {
            inFlight: 500,
            seconds: stage.seconds(2),
            send: (_, inbox) => wire.output.publish(`jobs.${random(consumers)}`, payload, inbox),
          }),
        )
        await purgeStream(wire, 'JOBS')
        return sample
      }
    },
  }
}

const interest: ScaleRow = {
  name: 'interest retention, 200 consumers',
  how: 'each of 1,000 messages is pushed to 200 consumers, and all ack all; 500 in flight, until the stream is empty',
  load: async (stage) => {
    const consumers = stage.count(200)
    const messages = stage.count(1000)
    const { wire } = stage
    const worker = await stage.open()
    const ack = Buffer.from('+ACK')
    const acknowledge: OnFrame = (frame) =>
      worker.output.publish(frame.bytes.toString('latin1', frame.replyStart, frame.replyEnd), ack)
    // One for each: a wildcard is not taken for interest in what a consumer delivers.
    for (let i = 0; i < consumers; i++) worker.subscribe(`work.${i}`, acknowledge)
    worker.afterChunk.add(() => worker.output.flush())
    await worker.settled()
    await createStream(wire, 'EVENTS', ['events.>'], { retention: 'interest' })
    await createConsumers(wire, 'EVENTS', consumers, (i) => ({
      deliver_subject: `work.${i}`,
      max_ack_pending: 10_000,
    }))
    return () =>
      stage.rated(async () => {
        const begunMs = performance.now()
        const { done, stallMs } = await pump(wire, {
          inFlight: 500,
          count: messages,
          send: (i, inbox) => wire.output.publish(`events.${i % 100}`, payload, inbox),
        })
        const left = await emptied(() => streamState(wire, 'EVENTS'))
        const seconds = (performance.now() - begunMs) / 1000
        return { done: done - left, seconds, rate: (done - left) / seconds, stallMs }
      })
  },
}

/** Waits until the stream is empty, a minute at most; how many messages are left. */
async function emptied(state: () => Promise<{ messages: number }>): Promise<number> {
  const cutMs = performance.now() + 60_000
  for (;;) {
    const { messages } = await state()
    if (messages === 0 || performance.now() > cutMs) return messages
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const watches: ScaleRow = {
  name: 'puts to a bucket with 200 watches',
  how: '100 watches of a key and 100 of a prefix; puts to 10,000 keys, 500 in flight, 2 s; each put meets a watch or two',
  load: async (stage) => {
    const prefixes = stage.count(100)
    const keys = stage.count(10_000)
    const { wire } = stage
    const watcher = await stage.open()
    await createStream(wire, 'KV', ['kv.>'], { max_msgs_per_subject: 1, discard: 'new', allow_direct: true })
    for (let i = 0; i < prefixes; i++) {
      await watch(watcher, 'KV', `kv.${i}.*`)
      await watch(watcher, 'KV', `kv.${i}.${i}`)
    }
    const random = randoms()
    return () =>
      stage.rated(() =>
        pump(wire, {
          inFlight: 500,
          seconds: stage.seconds(2),
          send: (_, inbox) => {
            const key = random(keys)
            wire.output.publish(`kv.${key % prefixes}.${key}`, payload, inbox)
          },
        }),
      )
  },
}

const readers = 17

const farApart: ScaleRow = {
  name: '17 consumers reading far apart in 1 M messages',
  how: 'each begins in a part of its own and reads 20,000 messages by pull requests of 500, without acks; then one alone reads 200,000',
  load: async (stage) => {
    const messages = stage.count(1_000_000)
    const { wire } = stage
    await createStream(wire, 'LOG', ['log.>'])
    await fill(wire, messages, payload, (i) => `log.${i % 100}`)
    const from = async (sequence: number) => {
      const consumer = `r${stage.turn()}`
      const start = { deliver_policy: 'by_start_sequence', opt_start_seq: sequence, ack_policy: 'none' }
      await createConsumer(wire, 'LOG', consumer, start)
      return consumer
    }
    return async () => {
      const consumers: string[] = []
      for (let i = 0; i < readers; i++) consumers.push(await from(1 + Math.floor((i * messages) / readers)))
      const each = Math.min(20_000, Math.floor(messages / readers))
      const sample = await stage.rated(async () => {
        const begunMs = performance.now()
        const reads = consumers.map((consumer) => read(wire, { stream: 'LOG', consumer, count: each }))
        const done = (await Promise.all(reads)).reduce((sum, { received }) => sum + received, 0)
        const seconds = (performance.now() - begunMs) / 1000
        return { done, seconds, rate: done / seconds, stallMs: Number.NaN }
      })
      consumers.push(await from(1))
      const alone = await read(wire, {
        stream: 'LOG',
        consumer: consumers[readers],
        count: Math.floor(messages / 5),
      })
      for (const consumer of consumers) await deleteConsumer(wire, 'LOG', consumer)
      return { ...sample, alone: alone.rate }
    }
  },
}

export const consumerRows: ScaleRow[] = [
  filteredConsumers(1000),
  filteredConsumers(4000),
  interest,
  watches,
  farApart,
]
