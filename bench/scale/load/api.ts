/** JetStream's API by JSON, for what is done once: not for what is measured by the thousand. */
import { pump } from './pump.ts'
import { errorOf } from './reply.ts'
import type { Wire } from './wire.ts'

const limitMs = 60_000
const nothing = Buffer.alloc(0)
let asked = 0

/** Resolves to the answer; rejects when it is an error, or doesn't come within a minute. */
export function ask(wire: Wire, subject: string, body?: object): Promise<Record<string, unknown>> {
  const inbox = `_INBOX.ask${asked++}`
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null, answer?: Record<string, unknown>) => {
      clearTimeout(timer)
      wire.unsubscribe(sid)
      wire.output.flush()
      wire.onLost.delete(lost)
      if (error) reject(error)
      else resolve(answer ?? {})
    }
    const lost = (error: Error) => settle(error)
    const timer = setTimeout(() => settle(new Error(`${subject}: no answer within a minute`)), limitMs)
    wire.onLost.add(lost)
    const sid = wire.subscribe(inbox, (frame) => {
      const error = errorOf(frame)
      if (error !== null) return settle(new Error(`${subject}: ${error}`))
      const text = frame.bytes.toString('utf8', frame.bodyStart, frame.bodyEnd)
      settle(null, JSON.parse(text) as Record<string, unknown>)
    })
    wire.output.publish(subject, body ? Buffer.from(JSON.stringify(body)) : nothing, inbox)
    wire.output.flush()
  })
}

/** For streams with more consumers than nats-server allows unless it is told. */
export const manyConsumers = { max_consumers: 100_000 }

export interface StreamState {
  readonly messages: number
  readonly first_seq: number
  readonly last_seq: number
  readonly num_subjects?: number
}

export async function createStream(
  wire: Wire,
  name: string,
  subjects: string[],
  more: object = {},
): Promise<void> {
  await ask(wire, `$JS.API.STREAM.CREATE.${name}`, { name, subjects, storage: 'file', ...more })
}

export async function deleteStream(wire: Wire, name: string): Promise<void> {
  await ask(wire, `$JS.API.STREAM.DELETE.${name}`)
}

export async function purgeStream(wire: Wire, name: string, body: object = {}): Promise<void> {
  await ask(wire, `$JS.API.STREAM.PURGE.${name}`, body)
}

export async function streamState(wire: Wire, name: string): Promise<StreamState> {
  const { state } = await ask(wire, `$JS.API.STREAM.INFO.${name}`)
  return state as StreamState
}

/** Resolves to how many messages the consumer has before it. */
export async function createConsumer(
  wire: Wire,
  stream: string,
  name: string,
  config: object,
): Promise<number> {
  const request = consumerRequest(stream, name, config)
  const { num_pending } = await ask(wire, `$JS.API.CONSUMER.CREATE.${stream}.${name}`, request)
  return num_pending as number
}

export async function deleteConsumer(wire: Wire, stream: string, name: string): Promise<void> {
  await ask(wire, `$JS.API.CONSUMER.DELETE.${stream}.${name}`)
}

export function consumerRequest(stream: string, name: string, config: object): object {
  return { stream_name: stream, config: { name, durable_name: name, ack_policy: 'explicit', ...config } }
}

/** Many consumers, several at a time; `configOf(i)` may name its own `name`. */
export async function createConsumers(
  wire: Wire,
  stream: string,
  count: number,
  configOf: (i: number) => object,
  inFlight = 20,
): Promise<void> {
  const { done } = await pump(wire, {
    inFlight,
    count,
    send: (i, inbox) => {
      const name = `c${i}`
      const body = JSON.stringify(consumerRequest(stream, name, configOf(i)))
      wire.output.publish(`$JS.API.CONSUMER.CREATE.${stream}.${name}`, Buffer.from(body), inbox)
    },
  })
  if (done < count) throw new Error(`only ${done} of ${count} consumers were made in time`)
}
