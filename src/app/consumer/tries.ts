/**
 * How often a handler has failed with a message. The server counts deliveries, also those of messages that were only taken ahead
 * and given back, so it is kept here: in a stream of its own, written when a handler fails. A message that is handled at its
 * first delivery costs nothing.
 */
import { DiscardPolicy, StorageType } from '@nats-io/jetstream'
import { reasonOf } from '../errors.ts'
import type { StreamMessage } from '../message.ts'
import type { Runtime } from '../runtime.ts'

/** Streams of tries, and how long one is remembered after it was written. */
export const TRIES_STREAM = 'CONTRAIL_TRIES'
const SUBJECT = 'contrail.tries'
const REMEMBERED_NS = 30 * 24 * 3600 * 1e9
/** Records at most: of more than so many messages that fail at a time the oldest are tried anew. */
const MOST_REMEMBERED = 1_000_000
/** Kept here while they are written, and where the stream can't be had; the newest. */
const MOST_IN_MEMORY = 10_000

/** What is known of a message. */
export interface Tries {
  /** Times that a handler failed with it. */
  failed: number
  /** Times that a handler began, and nobody knows how it ended: the process did not live to tell. */
  begun: number
  /** Of the last failure. */
  reason?: string
}

export class TryCounter {
  readonly #runtime: Runtime
  readonly #replicas: number | undefined
  /** False: in memory only, for consumers that end with the process. */
  readonly #isDurable: boolean
  #stream: Promise<void> | null = null
  readonly #memory = new Map<string, Tries>()

  constructor(runtime: Runtime, isDurable: boolean, replicas: number | undefined) {
    this.#runtime = runtime
    this.#isDurable = isDurable
    this.#replicas = replicas
  }

  /** What is known; of what can't be looked up, nothing. */
  async of(message: StreamMessage): Promise<Tries> {
    const key = keyOf(message)
    if (this.#isDurable) {
      try {
        // By the leader of the stream: another copy may be behind.
        const found = await this.#runtime.jsm.streams.getMessage(TRIES_STREAM, { last_by_subj: key })
        const here = this.#memory.get(key)
        if (found !== null && found.data.length > 0) {
          const there = found.json<Tries>()
          return here !== undefined && here.failed > there.failed ? here : there
        }
      } catch (thrown) {
        // No stream yet: no handler has failed so far.
        this.#runtime.log.debug({ err: thrown }, 'tries can not be looked up')
      }
    }
    return this.#memory.get(key) ?? { failed: 0, begun: 0 }
  }

  /** Resolves when it is kept; for this process it is at once. */
  async keep(message: StreamMessage, tries: Tries): Promise<void> {
    const key = keyOf(message)
    this.#memory.delete(key)
    if (this.#memory.size >= MOST_IN_MEMORY) {
      this.#memory.delete(this.#memory.keys().next().value as string)
    }
    this.#memory.set(key, tries)
    if (this.#isDurable) {
      try {
        this.#stream ??= this.#make()
        await this.#stream
        // Not by the app's publisher: its middleware is for the app's messages.
        await this.#runtime.js.publish(key, JSON.stringify(tries))
        if (this.#memory.get(key) === tries) this.#memory.delete(key)
      } catch (thrown) {
        this.#stream = null
        this.#runtime.log.warn(
          { err: thrown },
          `tries can't be kept in the stream ${TRIES_STREAM} (${reasonOf(thrown)}): they count in this process only`,
        )
      }
    }
  }

  /** It is settled: nothing needs to be known any more. */
  forget(message: StreamMessage): void {
    const key = keyOf(message)
    this.#memory.delete(key)
    if (!this.#isDurable) return
    this.#runtime.jsm.streams.purge(TRIES_STREAM, { filter: key }).catch(() => {})
  }

  async #make(): Promise<void> {
    const { jsm } = this.#runtime
    const exists = await jsm.streams.info(TRIES_STREAM).then(
      () => true,
      () => false,
    )
    if (exists) return
    await jsm.streams.add({
      name: TRIES_STREAM,
      subjects: [`${SUBJECT}.>`],
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      max_msgs_per_subject: 1,
      max_age: REMEMBERED_NS,
      max_msgs: MOST_REMEMBERED,
      num_replicas: this.#replicas ?? 1,
      description: 'How often handlers failed with messages that are still to be handled',
    })
  }
}

/** Of this message, and of none with its sequence in a stream made again. */
function keyOf(message: StreamMessage): string {
  return `${SUBJECT}.${message.stream}.${message.consumer}.${message.seq}.${message.timestamp}`
}
