/** Where messages go that no try could handle: the same bytes and headers, and why. */
import { StorageType } from '@nats-io/jetstream'
import { headers } from '@nats-io/nats-core'
import { ContrailError, reasonOf } from '../errors.ts'
import type { StreamMessage } from '../message.ts'
import type { Runtime } from '../runtime.ts'

/** Headers of a dead letter, besides the message's own. */
export const DEAD_LETTER_HEADERS = {
  reason: 'Contrail-Dead-Letter-Reason',
  stream: 'Contrail-Dead-Letter-Stream',
  consumer: 'Contrail-Dead-Letter-Consumer',
  subject: 'Contrail-Dead-Letter-Subject',
  seq: 'Contrail-Dead-Letter-Sequence',
  deliveries: 'Contrail-Dead-Letter-Deliveries',
  time: 'Contrail-Dead-Letter-Time',
} as const

/** What a stream would take for instructions about the letter itself. */
const NOT_KEPT = /^(nats-(expected-|msg-id$|rollup$|ttl$|schedule|batch-|incr$)|contrail-for$)/i
const MAX_REASON_LENGTH = 2048

/** Where the dead letters of a stream are kept with `deadLetter: true`. */
export function deadLetterStream(stream: string): string {
  return `${stream}_DEAD`
}

export class DeadLetters {
  readonly #stream: string
  readonly #to: string | true
  #runtime: Runtime | null = null

  /** @param to a subject, or true: the stream's own stream for dead letters */
  constructor(stream: string, to: string | true) {
    this.#stream = stream
    this.#to = to
  }

  async start(runtime: Runtime): Promise<void> {
    this.#runtime = runtime
    if (this.#to !== true) {
      await this.#mustBeKept(runtime, this.#to)
      return
    }
    const { config } = await runtime.jsm.streams.info(this.#stream)
    const name = deadLetterStream(this.#stream)
    const exists = await runtime.jsm.streams.info(name).then(
      () => true,
      () => false,
    )
    if (exists) return
    await runtime.jsm.streams.add({
      name,
      subjects: [`dead.${this.#stream}.>`],
      storage: config.storage ?? StorageType.File,
      num_replicas: config.num_replicas,
      description: `What could not be handled of ${this.#stream}`,
    })
  }

  /** Letters to where no stream is would never be stored. @throws ContrailError STREAM_MISSING */
  async #mustBeKept({ jsm, log, publisher }: Runtime, subject: string): Promise<void> {
    if (publisher.audience.isKept(subject)) return
    try {
      await jsm.streams.find(subject)
    } catch (thrown) {
      if (!/no stream matches subject/.test(reasonOf(thrown))) {
        log.warn({ err: thrown, subject }, 'whether a stream keeps the dead letters can not be asked')
        return
      }
      const sentence = `No stream keeps "${subject}", where the dead letters of the stream "${this.#stream}" are to go.`
      throw new ContrailError('STREAM_MISSING', sentence, { cause: thrown })
    }
  }

  /** Resolves when the letter is stored; twice for the same message stores one. */
  async take(message: StreamMessage, thrown: unknown): Promise<void> {
    const runtime = this.#runtime as Runtime
    const letter = headers()
    for (const [name, values] of message.headers ?? []) {
      if (NOT_KEPT.test(name)) continue
      for (const value of values) letter.append(name, value)
    }
    letter.set(DEAD_LETTER_HEADERS.reason, reasonOf(thrown).replace(/\s+/g, ' ').slice(0, MAX_REASON_LENGTH))
    letter.set(DEAD_LETTER_HEADERS.stream, message.stream)
    letter.set(DEAD_LETTER_HEADERS.consumer, message.consumer)
    letter.set(DEAD_LETTER_HEADERS.subject, message.subject)
    letter.set(DEAD_LETTER_HEADERS.seq, String(message.seq))
    letter.set(DEAD_LETTER_HEADERS.deliveries, String(message.deliveries))
    letter.set(DEAD_LETTER_HEADERS.time, new Date().toISOString())
    const subject = this.#to === true ? `dead.${message.stream}.${message.subject}` : this.#to
    await runtime.publisher.publishToStream(subject, message.data, {
      headers: letter,
      // With its time: in a stream made again the sequences begin anew.
      id: `dead:${message.stream}:${message.consumer}:${message.seq}:${message.timestamp}`,
      codec: 'bytes',
    })
  }
}
