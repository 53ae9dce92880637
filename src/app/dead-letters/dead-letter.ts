/** A message that could not be handled, as it is kept: the same bytes and headers, and why. */
import type { StoredMsg } from '@nats-io/jetstream'
import { headers, type MsgHdrs } from '@nats-io/nats-core'
import { DEAD_LETTER_HEADERS } from '../consumer/dead-letters.ts'

export class DeadLetter {
  /** Stream that keeps it, and its sequence there: what names it. */
  readonly storedIn: string
  readonly seq: number
  /** Subject, stream and sequence of the message that could not be handled. */
  readonly subject: string
  readonly stream: string
  readonly messageSeq: number
  /** Name of the consumer that gave it up. */
  readonly consumer: string
  /** What its last try failed with. */
  readonly reason: string
  readonly deliveries: number
  /** When it was given up. */
  readonly time: Date
  /** The message's own. */
  readonly headers: MsgHdrs
  readonly data: Uint8Array

  private constructor(storedIn: string, stored: StoredMsg) {
    const all = stored.header
    const text = (name: string) => all.get(name)
    this.storedIn = storedIn
    this.seq = stored.seq
    this.subject = text(DEAD_LETTER_HEADERS.subject)
    this.stream = text(DEAD_LETTER_HEADERS.stream)
    this.messageSeq = Number(text(DEAD_LETTER_HEADERS.seq))
    this.consumer = text(DEAD_LETTER_HEADERS.consumer)
    this.reason = text(DEAD_LETTER_HEADERS.reason)
    this.deliveries = Number(text(DEAD_LETTER_HEADERS.deliveries))
    this.time = new Date(text(DEAD_LETTER_HEADERS.time))
    this.headers = ownHeaders(all)
    this.data = stored.data
  }

  /** Undefined for a message that is no dead letter: a stream may keep others too. */
  static of(storedIn: string, stored: StoredMsg): DeadLetter | undefined {
    if (!stored.header?.has(DEAD_LETTER_HEADERS.subject)) return undefined
    return new DeadLetter(storedIn, stored)
  }

  text(): string {
    return new TextDecoder().decode(this.data)
  }

  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T
  }
}

const OUR_NAMES: ReadonlySet<string> = new Set(Object.values(DEAD_LETTER_HEADERS))
/** Of the letter, not of the message; and whom an earlier sending was for. */
const NOT_OWN = /^(nats-(msg-id|expected-.*)|contrail-for)$/i

function ownHeaders(all: MsgHdrs): MsgHdrs {
  const own = headers()
  for (const [name, values] of all) {
    if (OUR_NAMES.has(name) || NOT_OWN.test(name)) continue
    for (const value of values) own.append(name, value)
  }
  return own
}
