/** What could not be handled of a stream: to be looked at, sent again, or dropped. */
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import { headers, type MsgHdrs } from '@nats-io/nats-core'
import { CONSUMER_NOT_FOUND, isApiError, STREAM_NOT_FOUND, translated } from '../client-errors.ts'
import { ContrailError } from '../errors.ts'
import { checkOptions, count, flag, type Table, text, whole } from '../options.ts'
import { subjectMatches } from '../subject-pattern.ts'
import { DeadLetter } from './dead-letter.ts'
import { FOR_HEADER } from './for-consumer.ts'

/** Which letters. */
export interface DeadLetterFilter {
  /** Of the message's subject; wildcards allowed. */
  subject?: string
  /** Name of the consumer that gave it up. */
  consumer?: string
  /** Only letters whose reason has this in it. */
  reason?: string
}

export interface DeadLetterList extends DeadLetterFilter {
  /** Letters at most. Default: 100. */
  limit?: number
  /** Only behind this one: `seq` of the last one of the page before. */
  after?: number
}

export interface ResendOptions {
  /**
   * Every consumer of the subject gets the message, also those that have handled it. Default: false, only the durable that
   * gave it up (consumers of other clients than Contrail get it in any case; and all do, where that durable is gone).
   */
  toAll?: boolean
}

/** What of a connection it needs. */
export interface DeadLetterBroker {
  readonly js: JetStreamClient
  readonly jsm: JetStreamManager
}

const FILTER: Table<DeadLetterFilter> = { subject: text, consumer: text, reason: text }
const LIST: Table<DeadLetterList> = { ...FILTER, limit: count, after: whole(0) }
const RESEND: Table<ResendOptions> = { toAll: flag }
const DEFAULT_LIMIT = 100
/** Letters that are sent again, or dropped, at a time. */
const AT_A_TIME = 100
const NO_MESSAGE_FOUND = 10037

export class DeadLetterBox implements AsyncIterable<DeadLetter> {
  /** Stream that keeps the letters. */
  readonly stream: string
  readonly #broker: () => DeadLetterBroker

  /** @param stream the stream that keeps them: `ORDERS_DEAD` for the messages of ORDERS with `deadLetter: true` */
  constructor(stream: string, broker: () => DeadLetterBroker) {
    this.stream = stream
    this.#broker = broker
  }

  /** A page of letters, oldest first. There are none where no stream keeps any yet. */
  async list(options: DeadLetterList = {}): Promise<DeadLetter[]> {
    checkOptions(`a list of dead letters of "${this.stream}"`, options, LIST)
    const { limit = DEFAULT_LIMIT, after = 0, ...filter } = options
    const found: DeadLetter[] = []
    for await (const letter of this.#from(after + 1, Number.POSITIVE_INFINITY, filter)) {
      found.push(letter)
      if (found.length === limit) break
    }
    return found
  }

  /** All letters, oldest first. */
  async *[Symbol.asyncIterator](): AsyncGenerator<DeadLetter> {
    yield* this.#from(1, Number.POSITIVE_INFINITY, {})
  }

  /** The letter with this sequence; undefined when there is none. */
  async get(seq: number): Promise<DeadLetter | undefined> {
    const stored = await this.#message({ seq })
    return stored === undefined ? undefined : DeadLetter.of(this.stream, stored)
  }

  /** How many messages the stream of the letters keeps. */
  async count(): Promise<number> {
    return (await this.#state())?.messages ?? 0
  }

  /**
   * Publishes messages again to their own subjects, with tries begun anew, and removes their letters. A letter whose message can't be
   * stored stays. Should the process end in between, the next time stores no second one (within the stream's duplicate window).
   * @param which sequences of letters, or a filter; `{}` for all that are there now
   * @returns how many were sent
   * @throws ContrailError NOT_FOUND when a letter that was named is not there; NO_RESPONDERS when no stream takes the subject any more
   */
  async resend(
    which: number | readonly number[] | DeadLetterFilter,
    options: ResendOptions = {},
  ): Promise<number> {
    checkOptions('`resend`', options, RESEND)
    const durables = new Map<string, boolean>()
    return this.#each(which, (letter) => this.#resendOne(letter, options.toAll === true, durables))
  }

  /** Removes letters for good. @returns how many. Parameters and errors: those of `resend`. */
  async drop(which: number | readonly number[] | DeadLetterFilter): Promise<number> {
    return this.#each(which, (letter) => this.#remove(letter))
  }

  async #resendOne(letter: DeadLetter, toAll: boolean, durables: Map<string, boolean>): Promise<void> {
    const { js } = this.#broker()
    const all = copyOf(letter.headers)
    if (!toAll && (await this.#isThere(letter, durables))) all.set(FOR_HEADER, letter.consumer)
    const what = `The message of the dead letter ${letter.seq} can't be sent to "${letter.subject}"`
    await translated(what, () =>
      js.publish(letter.subject, letter.data, {
        headers: all,
        // With the time of the letter: in a stream made again the sequences begin anew.
        msgID: `again:${this.stream}:${letter.seq}:${letter.time.getTime()}`,
      }),
    )
    await this.#remove(letter)
  }

  /** Is the consumer that gave it up still there? */
  async #isThere({ stream, consumer }: DeadLetter, known: Map<string, boolean>): Promise<boolean> {
    const name = `${stream} ${consumer}`
    const before = known.get(name)
    if (before !== undefined) return before
    const { jsm } = this.#broker()
    const isThere = await translated(`The consumer "${consumer}" can't be looked up`, () =>
      jsm.consumers.info(stream, consumer).then(
        () => true,
        (thrown) => {
          if (isApiError(thrown, CONSUMER_NOT_FOUND, STREAM_NOT_FOUND)) return false
          throw thrown
        },
      ),
    )
    known.set(name, isThere)
    return isThere
  }

  async #remove({ seq }: DeadLetter): Promise<void> {
    const { jsm } = this.#broker()
    await translated(`The dead letter ${seq} can't be removed`, () =>
      jsm.streams.deleteMessage(this.stream, seq, false).catch((thrown) => {
        if (isApiError(thrown, NO_MESSAGE_FOUND)) return false
        throw thrown
      }),
    )
  }

  /** Does it with each, some at a time; of those that come meanwhile none is taken. */
  async #each(
    which: number | readonly number[] | DeadLetterFilter,
    act: (letter: DeadLetter) => Promise<void>,
  ): Promise<number> {
    if (typeof which !== 'number' && !isList(which)) checkOptions('a filter of dead letters', which, FILTER)
    let done = 0
    let some: DeadLetter[] = []
    const actOnSome = async () => {
      const settled = await Promise.allSettled(some.map(act))
      some = []
      for (const one of settled) if (one.status === 'rejected') throw one.reason
      done += settled.length
    }
    const letters =
      typeof which === 'number' || isList(which)
        ? this.#named(typeof which === 'number' ? [which] : which)
        : this.#from(1, (await this.#state())?.last_seq ?? 0, which)
    for await (const letter of letters) {
      some.push(letter)
      if (some.length === AT_A_TIME) await actOnSome()
    }
    await actOnSome()
    return done
  }

  async *#named(seqs: readonly number[]): AsyncGenerator<DeadLetter> {
    for (const seq of new Set(seqs)) {
      const letter = await this.get(seq)
      if (letter === undefined) {
        throw new ContrailError('NOT_FOUND', `The stream "${this.stream}" has no dead letter ${seq}.`)
      }
      yield letter
    }
  }

  async *#from(first: number, last: number, filter: DeadLetterFilter): AsyncGenerator<DeadLetter> {
    for (let next = first; ; ) {
      const stored = await this.#message({ seq: next, next_by_subj: '>' })
      if (stored === undefined || stored.seq > last) return
      next = stored.seq + 1
      const letter = DeadLetter.of(this.stream, stored)
      if (letter !== undefined && isWanted(letter, filter)) yield letter
    }
  }

  /** Undefined: there is none, or no stream. */
  #message(query: { seq: number; next_by_subj?: string }) {
    const { jsm } = this.#broker()
    return translated(`The stream "${this.stream}" can't be read`, () =>
      jsm.streams.getMessage(this.stream, query).then(
        (stored) => stored ?? undefined,
        (thrown) => {
          if (isApiError(thrown, NO_MESSAGE_FOUND, STREAM_NOT_FOUND)) return undefined
          throw thrown
        },
      ),
    )
  }

  #state() {
    const { jsm } = this.#broker()
    return translated(`The stream "${this.stream}" can't be looked up`, () =>
      jsm.streams.info(this.stream).then(
        ({ state }) => state,
        (thrown) => {
          if (isApiError(thrown, STREAM_NOT_FOUND)) return undefined
          throw thrown
        },
      ),
    )
  }
}

function isList(which: readonly number[] | DeadLetterFilter): which is readonly number[] {
  return Array.isArray(which)
}

function isWanted(letter: DeadLetter, { subject, consumer, reason }: DeadLetterFilter): boolean {
  if (subject !== undefined && !subjectMatches(subject, letter.subject)) return false
  if (consumer !== undefined && letter.consumer !== consumer) return false
  return reason === undefined || letter.reason.includes(reason)
}

function copyOf(from: MsgHdrs): MsgHdrs {
  const all = headers()
  for (const [name, values] of from) for (const value of values) all.append(name, value)
  return all
}
