import type { InternalSubscription, Message, Target } from '../../../core/index.ts'
import { LAST_CONSUMER, LAST_STREAM, sendStatus, statusHeader } from '../../headers/status.ts'
import type { Acks } from '../acks/acks.ts'
import { BACKLOG_BYTES } from '../requests/pull-queue.ts'
import type { ConsumerState } from '../state/consumer-state.ts'
import { heartbeatHeader } from '../state/heartbeat.ts'
import { RateLimit } from './rate-limit.ts'

/** Most bytes that may be on their way without an answer to a flow control request; the window opens from a 16th. */
const FLOW_WINDOW_BYTES = 32 * 1024 * 1024
const FLOW_START_SHARE = 16
/** How long to wait for a client that is behind with reading. */
const BACKLOG_WAIT_MS = 2
const TOKEN_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** What a push consumer has beyond a pull consumer: a deliver subject with its interest, heartbeats and flow control. */
export class PushDelivery {
  target: Target
  /** Somebody listens to the deliver subject. */
  isActive = false
  /** When the last message or heartbeat was sent. */
  lastSentMs: number
  private readonly consumer: ConsumerState
  private readonly acks: Acks
  private readonly onInterest: () => void
  private rateLimit: RateLimit | null = null
  private unansweredBytes = 0
  private windowBytes = 0
  /** Reply subject of the flow control request that is out, '' when none is. */
  private flowReply = ''
  private flowBytes = 0
  private flowSubscription: InternalSubscription | null = null
  private readonly removeListener: () => void

  /** `onInterest`: somebody listens now, or nobody does any more. */
  constructor(consumer: ConsumerState, acks: Acks, onInterest: () => void, nowMs: number) {
    this.consumer = consumer
    this.acks = acks
    this.onInterest = onInterest
    this.lastSentMs = nowMs
    const account = consumer.stream.account
    this.target = account.target(consumer.config.deliver_subject as string)
    this.isActive = this.isBound()
    this.configure(nowMs)
    this.removeListener = account.onInterestChange(() => this.checkInterest())
    if (consumer.config.flow_control === true) {
      this.windowBytes = FLOW_WINDOW_BYTES / FLOW_START_SHARE
      this.flowSubscription = account.subscribe(`$JS.FC.${consumer.stream.name}.${consumer.name}.*`, {
        onMessage: (message) => this.onFlowControl(message),
      })
    }
  }

  /** Takes over what a changed configuration says. */
  configure(nowMs: number): void {
    const { config, stream } = this.consumer
    const subject = config.deliver_subject as string
    if (this.target.subject !== subject) {
      this.target = stream.account.target(subject)
      this.checkInterest()
    }
    const bitsPerSecond = config.rate_limit_bps ?? 0
    const most = stream.config.max_msg_size ?? -1
    this.rateLimit =
      bitsPerSecond > 0 ? new RateLimit(bitsPerSecond, most > 0 ? most : 1024 * 1024, nowMs) : null
  }

  /** May anything be sent? */
  isOpen(): boolean {
    return this.isActive && (this.windowBytes === 0 || this.unansweredBytes <= this.windowBytes)
  }

  /** Milliseconds to wait before a message of this size, 0 for now. */
  delayMs(sizeBytes: number, nowMs: number): number {
    if (this.target.pendingBytes() > BACKLOG_BYTES) return BACKLOG_WAIT_MS
    return this.rateLimit === null ? 0 : this.rateLimit.delayMs(sizeBytes, nowMs)
  }

  /** A message was sent. */
  sent(sizeBytes: number, nowMs: number): void {
    this.lastSentMs = nowMs
    this.rateLimit?.spend(sizeBytes)
    if (this.windowBytes === 0) return
    this.unansweredBytes += sizeBytes
    if (this.flowReply === '') {
      if (this.unansweredBytes > this.windowBytes / 2 || this.isFull()) this.requestFlowControl()
    } else if (this.unansweredBytes - this.flowBytes >= this.windowBytes) this.flowBytes += sizeBytes
  }

  /** When the next heartbeat is due, Infinity without. */
  heartbeatAtMs(): number {
    const everyNs = this.consumer.config.idle_heartbeat ?? 0
    return everyNs > 0 ? this.lastSentMs + everyNs / 1e6 : Infinity
  }

  heartbeat(nowMs: number): void {
    this.lastSentMs = nowMs
    if (!this.isActive) return
    sendStatus(this.target, heartbeatHeader(this.consumer.progress, this.flowReply))
    if (this.acksByFlow && this.flowReply === '' && this.consumer.progress.pending.size > 0) {
      this.requestFlowControl()
    }
  }

  close(): void {
    this.isActive = false
    this.removeListener()
    this.flowSubscription?.unsubscribe()
  }

  /**
   * Somebody has to subscribe to the deliver subject itself, in the deliver group where there is one: who only listens to
   * everything that goes by does not take messages away.
   */
  private isBound(): boolean {
    const { config, stream } = this.consumer
    return stream.account.hasExactMember(this.target.subject, config.deliver_group ?? '')
  }

  private checkInterest(): void {
    const isActive = this.isBound()
    if (isActive === this.isActive) return
    this.isActive = isActive
    this.onInterest()
  }

  private get acksByFlow(): boolean {
    return this.consumer.config.ack_policy === 'flow_control'
  }

  /** As many messages are pending as may be, and only an answer to flow control settles them. */
  private isFull(): boolean {
    const { config, progress } = this.consumer
    return this.acksByFlow && progress.pending.size >= (config.max_ack_pending as number)
  }

  private requestFlowControl(): void {
    let token = ''
    for (let i = 0; i < 4; i++) token += TOKEN_DIGITS[Math.floor(Math.random() * TOKEN_DIGITS.length)]
    this.flowReply = `$JS.FC.${this.consumer.stream.name}.${this.consumer.name}.${token}`
    this.flowBytes = this.unansweredBytes
    sendStatus(this.target, statusHeader('100 FlowControl Request'), this.flowReply)
  }

  private acknowledge(message: Message): void {
    const headers = message.body.toString(
      'latin1',
      message.bodyStart,
      message.bodyStart + message.headerLength,
    )
    const streamSeq = numberIn(headers, LAST_STREAM)
    if (streamSeq > 0) this.acks.acknowledgeThrough(streamSeq, numberIn(headers, LAST_CONSUMER))
  }

  private onFlowControl(message: Message): void {
    if (message.subject.toString('utf8', message.subjectStart, message.subjectEnd) !== this.flowReply) return
    this.windowBytes = Math.min(this.windowBytes * 2, FLOW_WINDOW_BYTES)
    this.unansweredBytes = Math.max(0, this.unansweredBytes - this.flowBytes)
    this.flowReply = ''
    this.flowBytes = 0
    if (this.acksByFlow) this.acknowledge(message)
    this.consumer.wake()
  }
}

/** The number in a header field, 0 without. */
function numberIn(headers: string, name: string): number {
  const found = new RegExp(`^${name}: *(\\d+)\\r$`, 'm').exec(headers)
  return found === null ? 0 : Number(found[1])
}
