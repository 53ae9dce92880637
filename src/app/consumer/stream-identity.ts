/** Is a stream still the one that was read, or another one that was made under its name? */
import { type ConsumerConfig, DeliverPolicy } from '@nats-io/jetstream'
import { isApiError, STREAM_NOT_FOUND } from '../client-errors.ts'
import type { Log } from '../log.ts'
import type { Runtime } from '../runtime.ts'

export interface StreamNow {
  /** When it was made. */
  readonly created: string
  readonly lastSeq: number
}

export class StreamIdentity {
  readonly #stream: string
  #created: string | undefined
  #isGone = false

  constructor(stream: string) {
    this.#stream = stream
  }

  /** Which one it is, if that may be asked. */
  async learn(runtime: Runtime): Promise<void> {
    const now = await this.now(runtime).catch(() => undefined)
    this.#created = now?.created
  }

  /** Is it another one? It is the known one from now on. */
  isAnother({ created }: StreamNow): boolean {
    const isAnother = this.#created !== undefined && created !== this.#created
    this.#created = created
    return isAnother
  }

  /** As it is now; undefined when it may not be asked for. @throws what the server says, when it is gone: told to `log` once */
  async now(runtime: Runtime, log?: Log): Promise<StreamNow | undefined> {
    try {
      const { created, state } = await runtime.jsm.streams.info(this.#stream)
      this.#isGone = false
      return { created: String(created), lastSeq: state.last_seq }
    } catch (thrown) {
      if (!isApiError(thrown, STREAM_NOT_FOUND)) return undefined
      if (!this.#isGone) log?.warn('the stream is gone: waiting until it is made again')
      this.#isGone = log !== undefined
      throw thrown
    }
  }
}

/** Sequences of the old stream, and what was new then, mean nothing to another one: all of it came later. */
export function fromItsBeginning(config: Partial<ConsumerConfig>): Partial<ConsumerConfig> {
  const { deliver_policy } = config
  if (deliver_policy === DeliverPolicy.StartTime || deliver_policy === DeliverPolicy.LastPerSubject)
    return config
  const { opt_start_seq: _, ...rest } = config
  return { ...rest, deliver_policy: DeliverPolicy.All }
}
