import { randomBytes } from 'node:crypto'
import type { Clock, Timer } from '../../ports/index.ts'
import { Message } from '../../wire/index.ts'
import type { Account } from '../account.ts'
import { deliverAlong } from '../delivery.ts'
import type { Origin } from '../origin.ts'
import type { Receiver, Subscription } from '../subscription.ts'
import type { MessageTrace } from '../tracing/message-trace.ts'
import { setHeader } from '../tracing/set-header.ts'
import { TRACE_DEST, TRACE_DISABLED } from '../tracing/trace-headers.ts'
import type { ExportDefinition } from './definitions.ts'
import type { LatencyMeasure } from './latency.ts'

/** Answers that may be expected of one account at a time, by all that ask together. */
const MOST_EXPECTED = 262_144
/** So many of these each may expect, however many ask. */
const LEAST_SHARE = 1024
/** How often those are given up that came too late, milliseconds. */
const SWEEP_MS = 30_000
const LINE_END = 2
/** Answers that are measured, and given up when nobody waits for them; of more it isn't seen before their time is over. */
const MOST_WATCHED = 4096

type Service = Pick<ExportDefinition, 'responseThresholdMs' | 'responseType'>

interface Expected {
  readonly token: string
  /** Who has asked. */
  readonly account: Account
  /** Where the answer goes, as latin1 text. */
  readonly reply: Buffer
  /** The service that was asked. */
  readonly service: Service
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
  private watched = 0
  /** The same for each account that asks, the longest awaited first: who asks too much gives up what is its own. */
  private readonly byImporter = new Map<Account, Set<Expected>>()
  private sweep: Timer | null = null
  readonly clock: Clock
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
  expect(account: Account, reply: string, service: Service, measure: LatencyMeasure | null = null): string {
    const token = randomBytes(12).toString('base64url')
    const sinceMs = this.clock.now()
    const expected = { token, account, reply: Buffer.from(reply, 'latin1'), service, measure, sinceMs }
    this.expected.set(token, expected)
    if (measure !== null) this.watch(expected, measure)
    let own = this.byImporter.get(account)
    if (own === undefined) {
      own = new Set()
      this.byImporter.set(account, own)
    }
    own.add(expected)
    const share = Math.max(LEAST_SHARE, MOST_EXPECTED / this.byImporter.size)
    for (const oldest of own) {
      if (own.size <= share && !isLate(oldest, sinceMs)) break
      this.drop(oldest)
    }
    this.sweep ??= this.clock.setTimer(this.onSweep, SWEEP_MS)
    return token
  }

  /** A subject of the account's answers that nobody expects one on. */
  unused(): string {
    return this.subjectOf(randomBytes(12).toString('base64url'))
  }

  forget(token: string): void {
    const expected = this.expected.get(token)
    if (expected !== undefined) this.drop(expected)
  }

  /** How many answers are expected. */
  get size(): number {
    return this.expected.size
  }

  /** The same, by one account. */
  awaitedBy(account: Account): number {
    return this.byImporter.get(account)?.size ?? 0
  }

  end(): void {
    this.sweep?.clear()
    for (const { measure } of this.expected.values()) measure?.stop()
    this.expected.clear()
    this.byImporter.clear()
  }

  private drop(expected: Expected): void {
    const { measure } = expected
    if (measure !== null && isLate(expected, this.clock.now())) measure.end('timeout')
    measure?.stop()
    this.expected.delete(expected.token)
    const own = this.byImporter.get(expected.account)
    own?.delete(expected)
    if (own?.size === 0) this.byImporter.delete(expected.account)
  }

  private readonly onSweep = (): void => {
    const nowMs = this.clock.now()
    for (const each of this.expected.values()) if (isLate(each, nowMs)) this.drop(each)
    this.sweep = this.expected.size === 0 ? null : this.clock.setTimer(this.onSweep, SWEEP_MS)
  }

  /** Nobody has got the request. */
  undeliverable(token: string): void {
    this.expected.get(token)?.measure?.end('unavailable')
    this.forget(token)
  }

  /** What is measured ends when the answer takes too long, and when nobody waits for it any more. */
  private watch(expected: Expected, measure: LatencyMeasure): void {
    const { account, reply, service } = expected
    const end = (how: 'timeout' | 'not awaited'): void => {
      measure.end(how)
      this.drop(expected)
    }
    const timer = this.clock.setTimer(() => end('timeout'), service.responseThresholdMs)
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
    if (expected === undefined || hasPassed(message, expected.service)) return false
    const nowMs = this.clock.now()
    if (isLate(expected, nowMs)) {
      this.drop(expected)
      return false
    }
    expected.measure?.end('answered', origin)
    expected.measure = null
    const answer = new Message(message.subject)
    answer.copyFrom(message)
    answer.via = { service: expected.service, before: message.via }
    answer.subject = expected.reply
    answer.subjectStart = 0
    answer.subjectEnd = expected.reply.length
    this.leadBack(answer, expected)
    const { interest } = expected.account
    const isDelivered = deliverAlong(interest.route(answer.subject, 0, answer.subjectEnd), answer, origin) > 0
    const isLast = expected.service.responseType === 'singleton' || message.bodyEnd - message.bodyStart === 0
    if (isLast || !isDelivered) this.drop(expected)
    else this.renew(expected, nowMs)
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
    if (expected === undefined || hasPassed(message, expected.service)) return false
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

  /** Another one may follow: it is the last of those that are awaited now. */
  private renew(expected: Expected, nowMs: number): void {
    expected.sinceMs = nowMs
    const own = this.byImporter.get(expected.account)
    if (own?.delete(expected)) own.add(expected)
  }

  /** What the answer asks back comes the other way. */
  private leadBack(answer: Message, { account, service }: Expected): void {
    if (answer.replyEnd - answer.replyStart <= LINE_END) return
    const reply = answer.reply.toString('latin1', answer.replyStart, answer.replyEnd)
    if (reply.startsWith('$JS.ACK.')) return
    const others = this.others(account)
    const subject = Buffer.from(others.subjectOf(others.expect(this.account, reply, service)))
    answer.reply = subject
    answer.replyStart = 0
    answer.replyEnd = subject.length
    answer.wireEnd = 0
  }
}

function isLate({ sinceMs, service }: Expected, nowMs: number): boolean {
  return nowMs - sinceMs > service.responseThresholdMs
}

/** Has the message come through this service before? An answer to a subject that asks it again would go round for ever. */
export function hasPassed({ via }: Message, service: object): boolean {
  for (let passed = via; passed !== null; passed = passed.before) if (passed.service === service) return true
  return false
}
