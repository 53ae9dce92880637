/** Snapshots taken from a server and given to one, chunk by chunk (ADR: `STREAM.SNAPSHOT`, `STREAM.RESTORE`). */
import type { StreamConfig, StreamState } from '@nats-io/jetstream'
import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core'

export interface Described {
  readonly config: StreamConfig
  readonly state: StreamState
}

const CHUNK_BYTES = 256 * 1024
const REQUEST_MS = 30_000
/** Nothing came for so long: the server is gone. */
const IDLE_MS = 30_000
/** The last answer of a restore comes when a whole cluster has the stream. */
const FINISH_MS = 10 * 60_000

interface ApiAnswer {
  error?: { description: string; err_code: number }
}

/**
 * Takes a snapshot; `onChunk` is awaited before the server is asked for more, so that no more than its window is in memory.
 * `began` is told what the stream is, before the first chunk. @throws Error
 */
export async function takeSnapshot(
  nc: NatsConnection,
  stream: string,
  options: { consumers: boolean },
  began: (described: Described) => Promise<void>,
  onChunk: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const inbox = createInbox()
  const waiting: Msg[] = []
  let wake = () => {}
  const subscription = nc.subscribe(inbox, {
    callback: (error, message) => {
      if (error === null) waiting.push(message)
      wake()
    },
  })
  try {
    const answer = await nc.request(
      `$JS.API.STREAM.SNAPSHOT.${stream}`,
      JSON.stringify({ deliver_subject: inbox, no_consumers: !options.consumers, chunk_size: CHUNK_BYTES }),
      { timeout: REQUEST_MS },
    )
    const described = answer.json<Described & ApiAnswer>()
    if (described.error !== undefined) throw new Error(described.error.description)
    await began({ config: described.config, state: described.state })
    for (;;) {
      if (waiting.length === 0 && !(await within(IDLE_MS, (resolve) => (wake = resolve)))) {
        throw new Error(`the backup of ${stream} broke off: nothing came for ${IDLE_MS / 1000} s`)
      }
      const message = waiting.shift()
      if (message === undefined) continue
      if (message.data.length === 0) {
        const code = message.headers?.code ?? 0
        if (code !== 0 && code !== 204)
          throw new Error(`${code} ${message.headers?.description ?? ''}`.trim())
        return
      }
      await onChunk(message.data)
      if (message.reply) message.respond()
    }
  } finally {
    if (!nc.isClosed()) subscription.unsubscribe()
  }
}

/** A restore under way. */
export class SnapshotReceiver {
  readonly #nc: NatsConnection
  readonly #subject: string

  private constructor(nc: NatsConnection, subject: string) {
    this.#nc = nc
    this.#subject = subject
  }

  /** @throws Error with the server's sentence */
  static async begin(nc: NatsConnection, { config, state }: Described): Promise<SnapshotReceiver> {
    const answer = await nc.request(
      `$JS.API.STREAM.RESTORE.${config.name}`,
      JSON.stringify({ config, state }),
      { timeout: REQUEST_MS },
    )
    const { deliver_subject: subject, error } = answer.json<{ deliver_subject: string } & ApiAnswer>()
    if (error !== undefined) throw new Error(error.description)
    return new SnapshotReceiver(nc, subject)
  }

  /** Resolves when the server has it. @throws Error */
  async write(chunk: Uint8Array): Promise<void> {
    const answer = await this.#nc.request(this.#subject, chunk, { timeout: REQUEST_MS })
    if (answer.data.length > 0)
      throw new Error(answer.json<ApiAnswer>().error?.description ?? answer.string())
  }

  /** Resolves when the stream is there. @throws Error */
  async end(): Promise<void> {
    const answer = await this.#nc.request(this.#subject, '', { timeout: FINISH_MS })
    const { error } = answer.json<ApiAnswer>()
    if (error !== undefined) throw new Error(error.description)
  }
}

/** False when it took longer. */
function within(ms: number, register: (resolve: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms)
    register(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
