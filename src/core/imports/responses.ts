import { randomBytes } from 'node:crypto'
import type { Clock, Timer } from '../../ports/index.ts'
import { Message } from '../../wire/index.ts'
import type { Account } from '../account.ts'
import { deliverAlong } from '../delivery.ts'
import type { Origin } from '../origin.ts'
import type { Receiver, Subscription } from '../subscription.ts'
import type { ExportDefinition } from './definitions.ts'

/** Answers that may be expected of one account at a time, by all that ask together. */
const MOST_EXPECTED = 262_144
/** So many of these each may expect, however many ask. */
const LEAST_SHARE = 1024
/** How often those are given up that came too late, milliseconds. */
const SWEEP_MS = 30_000
const LINE_END = 2

type Service = Pick<ExportDefinition, 'responseThresholdMs' | 'responseType'>

interface Expected {
  readonly token: string
  /** Who has asked. */
  readonly account: Account
  /** Where the answer goes, as latin1 text. */
  readonly reply: Buffer
  /** The service that was asked. */
  readonly service: Service
  sinceMs: number
}

/** The answers of one account to requests of others: `_R_.<prefix>.<token>` leads back to who has asked. */
export class Responses implements Receiver {
  readonly isClient = false
  readonly pendingBytes = 0
  readonly pattern: string
  private readonly prefix: string
  private readonly expected = new Map<string, Expected>()
  /** The same for each account that asks, the longest awaited first: who asks too much gives up what is its own. */
  private readonly byImporter = new Map<Account, Set<Expected>>()
  private sweep: Timer | null = null
  private readonly clock: Clock
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
  expect(account: Account, reply: string, service: Service): string {
    const token = randomBytes(12).toString('base64url')
    const sinceMs = this.clock.now()
    const expected = { token, account, reply: Buffer.from(reply, 'latin1'), service, sinceMs }
    this.expected.set(token, expected)
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
    this.expected.clear()
    this.byImporter.clear()
  }

  private drop(expected: Expected): void {
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
