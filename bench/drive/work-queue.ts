/** Drives a work queue through whole cycles on the official client, publisher and worker in one process. */
import { type ConsumerMessages, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { createInbox } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { publishPipelined } from './pipelined-publisher.ts'

const inFlight = 500
const buffered = 1000
const ackBody = new TextEncoder().encode('+ACK')

/**
 * Publishes `messages` to `subject` (a work-queue stream of the same name) and consumes them at the same
 * time; an ack is
 * a publication with a reply inbox, so that its confirmation is awaited without holding up the next message.
 * Resolves to whole cycles a second, from the first publication to the last confirmation.
 */
export async function runWorkQueue(
  url: string,
  name: string,
  size: number,
  messages: number,
): Promise<number> {
  const publisher = await connect({ servers: url, name: 'bench-publisher' })
  const worker = await connect({ servers: url, name: 'bench-worker' })
  let consuming: ConsumerMessages | null = null
  try {
    const manager = await jetstreamManager(worker)
    await manager.consumers.add(name, {
      durable_name: 'worker',
      ack_policy: 'explicit',
      max_ack_pending: 2000,
    })
    const consumer = await jetstream(worker).consumers.get(name, 'worker')
    const inbox = createInbox()
    let confirmed = 0
    const all = new Promise<void>((resolve, reject) => {
      worker.subscribe(`${inbox}.*`, {
        callback: (error) => {
          if (error) reject(error)
          else if (++confirmed === messages) resolve()
        },
      })
      worker.closed().then((error) => reject(error ?? new Error('the worker’s connection was closed')))
    })
    const reply = { reply: `${inbox}.c` }
    consuming = await consumer.consume({
      max_messages: buffered,
      callback: (message) => worker.publish((message as unknown as { reply: string }).reply, ackBody, reply),
    })
    const begun = performance.now()
    const payload = new Uint8Array(size).fill(0x78)
    await Promise.all([
      publishPipelined(publisher, name, payload, messages, inFlight),
      withLimit(all, () => confirmed),
    ])
    return messages / ((performance.now() - begun) / 1000)
  } finally {
    consuming?.stop()
    await publisher.close()
    await worker.close()
  }
}

const limitMs = 120_000

function withLimit(all: Promise<void>, confirmed: () => number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`only ${confirmed()} acks confirmed in time`)), limitMs)
    all.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
