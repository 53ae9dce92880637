import {
  intersection,
  SubjectBuffer,
  type SubjectFilter,
  SubjectTransform,
  subjectFilter,
  withPlaces,
  withWildcards,
} from '../../subjects/index.ts'
import { Message } from '../../wire/index.ts'
import type { Account } from '../account.ts'
import type { Origin } from '../origin.ts'
import { type Followed, type Receiver, Subscription } from '../subscription.ts'
import type { MessageTrace } from '../tracing/message-trace.ts'
import type { ImportDefinition } from './definitions.ts'

/**
 * What another account shares as a stream: every subscription here that meets it has a shadow there, which gives it what it gets,
 * under the subject it has here. So interest there is what interest here is, queue groups included.
 */
export class StreamImport {
  private readonly importer: Account
  private readonly exporter: Account
  private readonly allowTrace: boolean
  /** Patterns there and here. */
  private readonly from: string
  private readonly to: string
  /** From there to here and back; null when subjects stay as they are, or there is only one. */
  private readonly transform: SubjectTransform | null
  private readonly reverse: SubjectTransform | null

  constructor(importer: Account, exporter: Account, { subject, to, allowTrace = false }: ImportDefinition) {
    this.importer = importer
    this.exporter = exporter
    this.allowTrace = allowTrace
    this.from = subject
    this.to = withWildcards(to).pattern
    this.transform =
      subject === to ? null : SubjectTransform.compile(subject, withPlaces(to), { isStrict: true })
    this.reverse = this.transform?.reverse() ?? null
  }

  /** A new subscription here: its shadow there, null when they don't meet. */
  follow(subscription: Subscription): Followed | null {
    const pattern = Buffer.from(subscription.subject, 'latin1').toString('utf8')
    const shared = intersection(pattern, this.to)
    if (shared === null) return null
    const isNarrower = shared !== this.to
    let there = isNarrower ? shared : this.from
    if (isNarrower && this.transform !== null) there = this.reverse?.applyPattern(shared) ?? this.from
    // A mapping that can't be turned around leaves the shadow wider than the subscription.
    const within = isNarrower ? subjectFilter([shared]) : null
    const share = { followed: subscription, account: this.importer.name, allowTrace: this.allowTrace }
    const receiver = this.transform === null ? new Plain(share) : new Shadow(share, this.transform, within)
    const shadow = new Subscription(
      Buffer.from(there).toString('latin1'),
      subscription.queue,
      subscription.name,
      receiver,
    )
    this.exporter.addShadow(shadow)
    return { end: () => this.exporter.remove(shadow) }
  }
}

/** What a shadow gives messages to. */
interface Share {
  readonly followed: Subscription
  /** Whose it is. */
  readonly account: string
  readonly allowTrace: boolean
}

/** Gives messages on as they are, but for requests and answers of services: what others ask is not for those who take a stream. */
class Plain implements Receiver {
  readonly isClient = false
  protected readonly followed: Subscription
  private readonly share: Share

  constructor(share: Share) {
    this.followed = share.followed
    this.share = share
  }

  get pendingBytes(): number {
    return this.followed.receiver.pendingBytes
  }

  deliver(_shadow: Subscription, message: Message, origin: Origin | null): boolean {
    const { followed } = this
    return message.via === null && !followed.isClosed && followed.receiver.deliver(followed, message, origin)
  }

  deliverTraced(shadow: Subscription, message: Message, origin: Origin | null, trace: MessageTrace): boolean {
    const { followed, share } = this
    if (message.via !== null || followed.isClosed) return false
    trace.streamExport(
      share.account,
      message.subject.toString('utf8', message.subjectStart, message.subjectEnd),
    )
    if (share.allowTrace) return followed.receiver.deliverTraced(followed, message, origin, trace, shadow)
    return trace.isOnly || Plain.prototype.deliver.call(this, shadow, message, origin)
  }
}

/** Gives messages on under another subject. */
class Shadow extends Plain {
  private readonly transform: SubjectTransform
  /** What the subscription is for, where that is less than the import. */
  private readonly within: SubjectFilter | null
  private readonly subject = new SubjectBuffer()
  private readonly message = new Message(Buffer.alloc(0))
  /** A message is being given on, which may bring another one. */
  private isBusy = false

  constructor(share: Share, transform: SubjectTransform, within: SubjectFilter | null) {
    super(share)
    this.transform = transform
    this.within = within
  }

  override deliver(shadow: Subscription, message: Message, origin: Origin | null): boolean {
    if (message.via !== null) return false
    const subject = this.isBusy ? new SubjectBuffer() : this.subject
    const mapped = this.isBusy ? new Message(message.subject) : this.message
    if (!this.rename(message, mapped, subject)) return false
    const wasBusy = this.isBusy
    this.isBusy = true
    const isDelivered = super.deliver(shadow, mapped, origin)
    this.isBusy = wasBusy
    return isDelivered
  }

  override deliverTraced(
    shadow: Subscription,
    message: Message,
    origin: Origin | null,
    trace: MessageTrace,
  ): boolean {
    if (message.via !== null) return false
    const mapped = new Message(message.subject)
    return (
      this.rename(message, mapped, new SubjectBuffer()) && super.deliverTraced(shadow, mapped, origin, trace)
    )
  }

  /** Makes `mapped` the message under the subject it has here; false: that is none the subscription is for. */
  private rename(message: Message, mapped: Message, subject: SubjectBuffer): boolean {
    const length = this.transform.apply(message.subject, message.subjectStart, message.subjectEnd, subject)
    if (length < 0 || this.within?.matches(subject.bytes, 0, length) === false) return false
    mapped.copyFrom(message)
    mapped.subject = subject.bytes
    mapped.subjectStart = 0
    mapped.subjectEnd = length
    return true
  }
}
