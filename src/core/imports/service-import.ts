import {
  hasWildcard,
  type Route,
  SubjectBuffer,
  SubjectTransform,
  withPlaces,
  withWildcards,
} from '../../subjects/index.ts'
import { Message } from '../../wire/index.ts'
import type { Account } from '../account.ts'
import { deliverAlong, deliverTraced } from '../delivery.ts'
import type { Origin } from '../origin.ts'
import type { Receiver, Subscription } from '../subscription.ts'
import type { MessageTrace } from '../tracing/message-trace.ts'
import { setHeader } from '../tracing/set-header.ts'
import { TRACE_DEST, TRACE_DISABLED } from '../tracing/trace-headers.ts'
import type { ExportDefinition, ImportDefinition } from './definitions.ts'
import { LatencyMeasure } from './latency.ts'
import { sampleOf } from './latency-sample.ts'
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
    return this.pass(message, origin, null)
  }

  deliverTraced(
    _subscription: Subscription,
    message: Message,
    origin: Origin | null,
    trace: MessageTrace,
  ): boolean {
    return this.pass(message, origin, trace)
  }

  private pass(message: Message, origin: Origin | null, trace: MessageTrace | null): boolean {
    if (message.hops >= MOST_HOPS || hasPassed(message, this.shared)) return false
    const request = new Message(message.subject)
    request.copyFrom(message)
    request.hops = message.hops + 1
    request.via = { service: this.shared, before: message.via }
    if (!this.readdress(request)) return false
    const measure = this.measure(message, origin)
    const token = this.expectAnswer(request, measure)
    if (measure !== null && message.replyStart === message.replyEnd) measure.end('bad request')
    this.tellWhoAsks(request, origin)
    const { exporter } = this
    // A message that is being delivered in that account may hold its own place for subjects.
    const mapped = exporter.mappings === null ? 'kept' : exporter.mapSubject(request, new SubjectBuffer())
    if (mapped === 'lost') return false
    const delivered =
      trace === null
        ? deliverAlong(routeOf(exporter, request), request, origin) > 0
        : this.passTraced(message, request, origin, trace)
    if (token !== '' && !delivered) this.responses.undeliverable(token)
    else if (token !== '' && trace?.isOnly) this.responses.forget(token)
    return delivered
  }

  /** The trace is told where the message goes, and goes on there where the export lets it. */
  private passTraced(
    message: Message,
    request: Message,
    origin: Origin | null,
    trace: MessageTrace,
  ): boolean {
    const { exporter, responses, shared } = this
    trace.serviceImport(exporter.name, subjectText(message), subjectText(request))
    if (shared.allowTrace) {
      // The service does not learn where the trace goes to.
      setHeader(request, TRACE_DEST, responses.unused())
      return deliverTraced(routeOf(exporter, request), request, origin, trace) > 0
    }
    if (trace.isOnly) return false
    setHeader(request, TRACE_DEST, TRACE_DISABLED)
    return deliverAlong(routeOf(exporter, request), request, origin) > 0
  }

  /** How long the answer takes is to be told; null: not of this request. */
  private measure(message: Message, origin: Origin | null): LatencyMeasure | null {
    const { exporter, shared, share } = this
    const { latency, responseType } = shared
    if (latency === undefined || origin === null || responseType !== 'singleton') return null
    const sample = sampleOf(latency, message)
    if (sample === null) return null
    return new LatencyMeasure(
      exporter,
      this.responses.clock,
      { ...latency, share, headers: sample.headers },
      origin,
    )
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
  private expectAnswer(request: Message, measure: LatencyMeasure | null): string {
    if (request.replyStart === request.replyEnd) return ''
    const reply = request.reply.toString('latin1', request.replyStart, request.replyEnd)
    if (reply.startsWith(ACK_PREFIX)) return ''
    const token = this.responses.expect(this.importer, reply, this.shared, measure)
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

function routeOf(account: Account, { subject, subjectStart, subjectEnd }: Message): Route<Subscription> {
  return account.interest.route(subject, subjectStart, subjectEnd)
}

function subjectText({ subject, subjectStart, subjectEnd }: Message): string {
  return subject.toString('utf8', subjectStart, subjectEnd)
}
