/** Buckets whose keys are written again and again. */
import { createConsumer, createStream, deleteConsumer } from '../load/api.ts'
import { fill } from '../load/fill.ts'
import { pump } from '../load/pump.ts'
import { randoms } from '../load/random.ts'
import { startReading } from '../load/reader.ts'
import type { ScaleRow } from '../row.ts'

const bucket = { max_msgs_per_subject: 1, discard: 'new', allow_direct: true }

const randomOverwrites: ScaleRow = {
  name: 'random overwrites, 200,000 keys of 2 KiB',
  how: 'a bucket of 400 MB, 200,000 overwrites of random keys, 500 in flight',
  load: async (stage) => {
    const keys = stage.count(200_000)
    const payload = Buffer.alloc(2048, 'x')
    const { wire } = stage
    await createStream(wire, 'KV', ['kv.>'], bucket)
    await fill(wire, keys, payload, (i) => `kv.${i}`)
    const random = randoms()
    return () =>
      stage.rated(() =>
        pump(wire, {
          inFlight: 500,
          count: keys,
          send: (_, inbox) => wire.output.publish(`kv.${random(keys)}`, payload, inbox),
        }),
      )
  },
}

const prefixes = 10

/** The reader takes one key of ten, and begins anew behind each sample's writer. */
const aheadOfReader: ScaleRow = {
  name: 'overwriting ahead of a filtered consumer that reads',
  how: '100,000 keys overwritten in order, 500 in flight, for 2 s, while a consumer of every tenth key reads from the beginning without acks',
  load: async (stage) => {
    const keys = stage.count(100_000)
    const payload = Buffer.alloc(128, 'x')
    const { wire } = stage
    const readingWire = await stage.open()
    const subjectOf = (i: number) => `kv.${i % prefixes}.${i}`
    await createStream(wire, 'KV', ['kv.>'], bucket)
    await fill(wire, keys, payload, subjectOf)
    let next = 0
    return async () => {
      const consumer = `r${stage.turn()}`
      await createConsumer(wire, 'KV', consumer, { filter_subject: 'kv.0.*', ack_policy: 'none' })
      const reading = startReading(readingWire, { stream: 'KV', consumer, count: Infinity })
      const sample = await stage.rated(() =>
        pump(wire, {
          inFlight: 500,
          seconds: stage.seconds(2),
          send: (_, inbox) => wire.output.publish(subjectOf(next++ % keys), payload, inbox),
        }),
      )
      reading.end()
      const { rate } = await reading.finished
      await deleteConsumer(wire, 'KV', consumer)
      return { ...sample, delivered: rate }
    }
  },
}

export const overwriteRows: ScaleRow[] = [randomOverwrites, aheadOfReader]
