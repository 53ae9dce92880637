import { randomBytes } from 'node:crypto'
import type { Clock } from '../../ports/index.ts'
import { Message } from '../../wire/index.ts'
import type { Account } from '../account.ts'
import { deliverAlong } from '../delivery.ts'
import type { Origin } from '../origin.ts'
import type { Receiver, Subscription } from '../subscription.ts'
import type { MessageTrace } from '../tracing/message-trace.ts'
import { setHeader } from '../tracing/set-header.ts'
import { TRACE_DEST, TRACE_DISABLED } from '../tracing/trace-headers.ts'
import type { ResponseType } from './definitions.ts'
import type { LatencyMeasure } from './latency.ts'

/** Answers that may be expected in one account at a time; the oldest are given up first. */
const MOST_EXPECTED = 262_144
const LINE_END = 2
/** Answers that are measured, and given up when nobody waits for them; of more it isn't seen before their time is over. */
const MOST_WATCHED = 4096

interface Expected {
  readonly account: Account
  /** Where the answer goes, as latin1 text. */
  readonly reply: Buffer
  readonly type: ResponseType
  readonly thresholdMs: number
  /** How long the answer takes is told; null: it isn't, or not any more. */
  measure: LatencyMeasure | null
  sinceMs: number
}

/** The answers of one account to requests of others: `_R_.<prefix>.<token>` leads back to who has asked. */
export class Responses implements Receiver {
  readonly isClient = false
  readonly pendingBytes = 0
  readonly pattern: string
  private readonly prefix: string
  private readonly expected = new Map<string, Expected>()
  readonly clock: Clock
  private watched = 0
  private readonly others: (account: Account) => Responses
  private readonly account: Account

  /** `others`: those of another account, for answers that ask back. */
  constructor(account: Account, clock: Clock, others: (account: Account) => Responses) {
    this.account = account
    this.clock = clock
    this.others = others
    this.prefix = `_R_.${randomBytes(6).toString('base64url')}.`
    this.pattern = `${this.prefix}>`
  }

  subjectOf(token: string): string {
    return this.prefix + token
  }

  /** An answer to this subject of the other account is expected. Returns what it is known by. */
  expect(
    account: Account,
    reply: string,
    type: ResponseType,
    thresholdMs: number,
    measure: LatencyMeasure | null = null,
  ): string {
    const token = randomBytes(12).toString('base64url')
    const sinceMs = this.clock.now()
    const expected = { account, reply: Buffer.from(reply, 'latin1'), type, thresholdMs, measure, sinceMs }
    this.expected.set(token, expected)
    if (measure !== null) this.watch(token, expected, measure)
    for (const [oldest, { sinceMs: since, thresholdMs: most }] of this.expected) {
      if (this.expected.size <= MOST_EXPECTED && sinceMs - since <= most) break
      this.forget(oldest)
    }
    return token
  }

  /** A subject of the account's answers that nobody expects one on. */
  unused(): string {
    return this.subjectOf(randomBytes(12).toString('base64url'))
  }

  forget(token: string): void {
    this.expected.get(token)?.measure?.stop()
    this.expected.delete(token)
  }

  /** Nobody has got the request. */
  undeliverable(token: string): void {
    this.expected.get(token)?.measure?.end('unavailable')
    this.forget(token)
  }

  /** Nothing is measured any more: the ways between accounts end. */
  close(): void {
    for (const { measure } of this.expected.values()) measure?.stop()
  }

  /** What is measured ends when the answer takes too long, and when nobody waits for it any more. */
  private watch(token: string, { account, reply, thresholdMs }: Expected, measure: LatencyMeasure): void {
    const end = (how: 'timeout' | 'not awaited'): void => {
      measure.end(how)
      this.forget(token)
    }
    const timer = this.clock.setTimer(() => end('timeout'), thresholdMs)
    const isAwaited = (): boolean => account.isAwaited(reply, 0, reply.length)
    const isWatched = this.watched < MOST_WATCHED && isAwaited()
    if (isWatched) this.watched++
    const unlisten = isWatched
      ? account.onInterestChange(() => {
          if (!isAwaited()) end('not awaited')
        })
      : null
    measure.onStop = () => {
      timer.clear()
      if (unlisten === null) return
      unlisten()
      this.watched--
    }
  }

  deliver(_subscription: Subscription, message: Message, origin: Origin | null): boolean {
    const token = message.subject.toString(
      'latin1',
      message.subjectStart + this.prefix.length,
      message.subjectEnd,
    )
    const expected = this.expected.get(token)
    if (expected === undefined) return false
    const nowMs = this.clock.now()
    if (nowMs - expected.sinceMs > expected.thresholdMs) {
      this.forget(token)
      return false
    }
    expected.measure?.end('answered', origin)
    expected.measure = null
    const answer = new Message(message.subject)
    answer.copyFrom(message)
    answer.subject = expected.reply
    answer.subjectStart = 0
    answer.subjectEnd = expected.reply.length
    this.leadBack(answer, expected)
    const { interest } = expected.account
    const isDelivered = deliverAlong(interest.route(answer.subject, 0, answer.subjectEnd), answer, origin) > 0
    const isLast = expected.type === 'singleton' || message.bodyEnd - message.bodyStart === 0
    if (isLast || !isDelivered) this.forget(token)
    else expected.sinceMs = nowMs
    return isDelivered
  }

  /** A traced answer is traced up to here: the trace doesn't follow it to who has asked. */
  deliverTraced(
    subscription: Subscription,
    message: Message,
    origin: Origin | null,
    trace: MessageTrace,
  ): boolean {
    const text = message.subject.toString('latin1', message.subjectStart, message.subjectEnd)
    const token = text.slice(this.prefix.length)
    const expected = this.expected.get(token)
    if (expected === undefined) return false
    trace.serviceImport(expected.account.name, text, expected.reply.toString('utf8'))
    if (trace.isOnly) {
      this.forget(token)
      return true
    }
    const untraced = new Message(message.subject)
    untraced.copyFrom(message)
    setHeader(untraced, TRACE_DEST, TRACE_DISABLED)
    return this.deliver(subscription, untraced, origin)
  }

  /** What the answer asks back comes the other way. */
  private leadBack(answer: Message, { account, type, thresholdMs }: Expected): void {
    if (answer.replyEnd - answer.replyStart <= LINE_END) return
    const reply = answer.reply.toString('latin1', answer.replyStart, answer.replyEnd)
    if (reply.startsWith('$JS.ACK.')) return
    const others = this.others(account)
    const subject = Buffer.from(others.subjectOf(others.expect(this.account, reply, type, thresholdMs)))
    answer.reply = subject
    answer.replyStart = 0
    answer.replyEnd = subject.length
    answer.wireEnd = 0
  }
}
