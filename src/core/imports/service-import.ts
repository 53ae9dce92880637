import {
  hasWildcard,
  SubjectBuffer,
  SubjectTransform,
  withPlaces,
  withWildcards,
} from '../../subjects/index.ts'
import { Message } from '../../wire/index.ts'
import type { Account } from '../account.ts'
import { deliverAlong } from '../delivery.ts'
import type { Origin } from '../origin.ts'
import type { Receiver, Subscription } from '../subscription.ts'
import type { ExportDefinition, ImportDefinition } from './definitions.ts'
import { clientInfo, withoutRequestInfo, withRequestInfo } from './request-info.ts'
import { hasPassed, type Responses } from './responses.ts'

/** Requests pass through so many accounts at most. */
const MOST_HOPS = 16
const ACK_PREFIX = '$JS.ACK.'

/** A service of another account: what is published here goes there, and the answers come back. */
export class ServiceImport implements Receiver {
  readonly isClient = false
  readonly pendingBytes = 0
  private readonly importer: Account
  private readonly exporter: Account
  private readonly responses: Responses
  private readonly shared: ExportDefinition
  private readonly share: boolean
  /** From the subject here to that there; null: it stays as it is. */
  private readonly transform: SubjectTransform | null
  /** The one subject there, where `subject` has no wildcards. */
  private readonly fixed: Buffer | null

  constructor(
    importer: Account,
    exporter: Account,
    shared: ExportDefinition,
    { subject, to, share }: ImportDefinition,
    responses: Responses,
  ) {
    this.importer = importer
    this.exporter = exporter
    this.shared = shared
    this.share = share
    this.responses = responses
    this.fixed = hasWildcard(subject) ? null : Buffer.from(subject)
    this.transform =
      this.fixed !== null || subject === to
        ? null
        : (SubjectTransform.compile(subject, withPlaces(to), { isStrict: true })?.reverse() ?? null)
  }

  /** The pattern here. */
  static patternOf({ to }: ImportDefinition): string {
    return withWildcards(to).pattern
  }

  deliver(_subscription: Subscription, message: Message, origin: Origin | null): boolean {
    if (message.hops >= MOST_HOPS || hasPassed(message, this.shared)) return false
    const request = new Message(message.subject)
    request.copyFrom(message)
    request.hops = message.hops + 1
    request.via = { service: this.shared, before: message.via }
    if (!this.readdress(request)) return false
    const token = this.expectAnswer(request)
    this.tellWhoAsks(request, origin)
    const { exporter } = this
    // A message that is being delivered in that account may hold its own place for subjects.
    const mapped = exporter.mappings === null ? 'kept' : exporter.mapSubject(request, new SubjectBuffer())
    if (mapped === 'lost') return false
    const route = exporter.interest.route(request.subject, request.subjectStart, request.subjectEnd)
    const delivered = deliverAlong(route, request, origin) > 0
    if (!delivered && token !== '') this.responses.forget(token)
    return delivered
  }

  private readdress(request: Message): boolean {
    if (this.fixed !== null) {
      request.subject = this.fixed
      request.subjectStart = 0
      request.subjectEnd = this.fixed.length
    } else if (this.transform !== null) {
      const subject = new SubjectBuffer()
      const length = this.transform.apply(request.subject, request.subjectStart, request.subjectEnd, subject)
      if (length < 0) return false
      request.subject = subject.bytes
      request.subjectStart = 0
      request.subjectEnd = length
    }
    return true
  }

  /** The service answers to a subject of its own account, which leads back. Returns what it is known by, '' for none. */
  private expectAnswer(request: Message): string {
    if (request.replyStart === request.replyEnd) return ''
    const reply = request.reply.toString('latin1', request.replyStart, request.replyEnd)
    if (reply.startsWith(ACK_PREFIX)) return ''
    const token = this.responses.expect(this.importer, reply, this.shared)
    const subject = Buffer.from(this.responses.subjectOf(token))
    request.reply = subject
    request.replyStart = 0
    request.replyEnd = subject.length
    request.wireEnd = 0
    return token
  }

  private tellWhoAsks(request: Message, origin: Origin | null): void {
    // What the server itself sends may hold what a client once wrote: a message of a stream, say.
    if (origin === null) {
      if (!request.hasRequestInfo) withoutRequestInfo(request)
      return
    }
    // A request that has come through an account before says already who asks.
    if (request.hops > 1 && request.hasRequestInfo) withRequestInfo(request, null, this.importer.name)
    else withRequestInfo(request, clientInfo(origin, this.share, this.exporter.bus.serverName), '')
  }
}
