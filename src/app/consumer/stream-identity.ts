/** Is a stream still the one that was read, or another one that was made under its name? */
import { type ConsumerConfig, DeliverPolicy } from '@nats-io/jetstream'
import { asContrailError, isApiError, STREAM_NOT_FOUND } from '../client-errors.ts'
import type { Log } from '../log.ts'
import type { Runtime } from '../runtime.ts'

export interface StreamNow {
  /** When it was made. */
  readonly created: string
  readonly lastSeq: number
}

/** At the start, while a cluster elects who answers. */
const LEARN_TRIES = 20
const LEARN_AGAIN_MS = 250

export class StreamIdentity {
  readonly #stream: string
  #created: string | undefined
  #isGone = false
  /** The server has answered: it may be asked. */
  #hasAnswered = false

  constructor(stream: string) {
    this.#stream = stream
  }

  /** Which one it is, if that may be asked. */
  async learn(runtime: Runtime): Promise<void> {
    for (let left = LEARN_TRIES; left > 0; left--) {
      try {
        this.#created = (await this.now(runtime))?.created
        return
      } catch (thrown) {
        if (isApiError(thrown, STREAM_NOT_FOUND)) return
        await new Promise((resolve) => setTimeout(resolve, LEARN_AGAIN_MS))
      }
    }
  }

  /** Is it another one than is known? */
  differs({ created }: StreamNow): boolean {
    return this.#created !== undefined && created !== this.#created
  }

  /** Is it another one? It is the known one from now on. */
  isAnother(now: StreamNow): boolean {
    const isAnother = this.differs(now)
    this.#created = now.created
    return isAnother
  }

  /**
   * As it is now; undefined when it may not be asked for.
   * @throws what the server says, when it is gone (told to `log` once), and when it can't be said just now: a cluster that
   * elects a leader for a stream does not know of it, and what was read of the last one means nothing to this one
   */
  async now(runtime: Runtime, log?: Log): Promise<StreamNow | undefined> {
    try {
      const { created, state } = await runtime.jsm.streams.info(this.#stream)
      this.#isGone = false
      this.#hasAnswered = true
      return { created: String(created), lastSeq: state.last_seq }
    } catch (thrown) {
      if (isApiError(thrown, STREAM_NOT_FOUND)) {
        if (!this.#isGone) log?.warn('the stream is gone: waiting until it is made again')
        this.#isGone = log !== undefined
        throw thrown
      }
      const { code, errorCode } = asContrailError(thrown, this.#stream)
      if (code === 'NOT_PERMITTED') return undefined
      if (errorCode !== undefined || this.#hasAnswered) throw thrown
      return undefined
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
