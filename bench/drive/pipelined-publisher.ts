/** A JetStream publisher on the client's public API that keeps many messages in flight. */
import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core'
import { createInbox } from '@nats-io/nats-core'

interface Pending {
  resolve(seq: number): void
  reject(error: Error): void
}

/**
 * One wildcard inbox for all acknowledgements, a token per message, a promise each, acknowledgements by
 * callback:
 * without the request machinery of `js.publish`, which costs more than the rest.
 */
export class PipelinedPublisher {
  readonly #connection: NatsConnection
  readonly #prefix: string
  readonly #subscription: Subscription
  readonly #pending = new Map<string, Pending>()
  #next = 0

  constructor(connection: NatsConnection) {
    this.#connection = connection
    this.#prefix = `${createInbox()}.`
    this.#subscription = connection.subscribe(`${this.#prefix}*`, {
      callback: (error, message) => this.#onAck(error, message),
    })
  }

  /** Resolves to the sequence in the stream; rejects with the server's error. */
  publish(subject: string, payload: Uint8Array): Promise<number> {
    const token = (this.#next++).toString(36)
    return new Promise((resolve, reject) => {
      this.#pending.set(token, { resolve, reject })
      this.#connection.publish(subject, payload, { reply: this.#prefix + token })
    })
  }

  close(): void {
    this.#subscription.unsubscribe()
  }

  #onAck(error: Error | null, message: Msg): void {
    const token = message.subject.slice(this.#prefix.length)
    const pending = this.#pending.get(token)
    if (pending === undefined) return
    this.#pending.delete(token)
    if (error) {
      pending.reject(error)
    } else if (message.data.length === 0) {
      pending.reject(new Error('no stream listens to this subject'))
    } else {
      const ack = JSON.parse(message.string()) as { seq: number; error?: { description: string } }
      if (ack.error) pending.reject(new Error(ack.error.description))
      else pending.resolve(ack.seq)
    }
  }
}

/** Publishes `messages` with `inFlight` of them unacknowledged at any time; resolves to messages a second. */
export async function publishPipelined(
  connection: NatsConnection,
  subject: string,
  payload: Uint8Array,
  messages: number,
  inFlight: number,
): Promise<number> {
  const publisher = new PipelinedPublisher(connection)
  let left = messages
  const lane = async () => {
    while (left-- > 0) await publisher.publish(subject, payload)
  }
  const begun = performance.now()
  const lanes: Promise<void>[] = []
  for (let i = 0; i < inFlight; i++) lanes.push(lane())
  await Promise.all(lanes)
  const seconds = (performance.now() - begun) / 1000
  publisher.close()
  return messages / seconds
}
