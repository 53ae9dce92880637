import type { Message, Target, Turn, TurnTask } from '../../core/index.ts'
import { type Ledger, ReadFailure } from '../../storage/index.ts'
import { type SubjectFilter, subjectFilter } from '../../subjects/index.ts'
import type { Stream } from '../account/stream.ts'
import { filtersOf, isDurable, retainsMessages, samplePercent } from '../config/consumer/defaults.ts'
import { MAX_SEQUENCE } from '../config/ranges.ts'
import { parseTime } from '../config/time-text.ts'
import type { ConsumerConfig } from '../config/types.ts'
import { sendStatus, statusHeader } from '../headers/status.ts'
import { READ_AGAIN_MS } from '../stream/later.ts'
import { Acks } from './acks.ts'
import { Alarm } from './alarm.ts'
import { Delivery, type Halt } from './delivery/delivery.ts'
import { heartbeatHeader, PushDelivery } from './delivery/push-delivery.ts'
import { Inactivity } from './inactivity.ts'
import { type ConsumerInfo, consumerInfo } from './info.ts'
import { PriorityGroups } from './requests/priority-groups.ts'
import { answerPull } from './requests/pull-answer.ts'
import { PullQueue } from './requests/pull-queue.ts'
import { Advisories } from './state/advisories.ts'
import { ConsumerLedger } from './state/consumer-ledger.ts'
import { Deliveries } from './state/deliveries.ts'
import { PendingCount } from './state/pending-count.ts'
import { ACK_WAIT_SLACK_MS, expirePending } from './state/pending-expiry.ts'
import { Progress } from './state/progress.ts'
import { reconcile, recoverProgress } from './state/recovery.ts'

/** Fields on which it depends who gets the next messages. */
const WAKING = [
  'max_ack_pending',
  'deliver_subject',
  'deliver_group',
  'priority_policy',
  'rate_limit_bps',
] as const

/** What is kept of a consumer beside its progress. */
export interface ConsumerMeta {
  /** Milliseconds since the epoch. */
  created: number
  config: ConsumerConfig
}

/**
 * One consumer of a stream: which messages it wants, how far it has come, and who gets the next ones. It works at the end of a
 * turn (`run`), woken by whatever changed.
 */
export class Consumer implements TurnTask {
  /** Owned by the Turn. */
  deferred = false
  /** Owned by Consumers. */
  isToldOfCommit = false
  readonly name: string
  readonly stream: Stream
  readonly createdMs: number
  config: ConsumerConfig
  readonly progress: Progress
  readonly ledger: ConsumerLedger
  readonly advisories: Advisories
  readonly groups: PriorityGroups
  readonly deliveries: Deliveries
  /** null for a push consumer. */
  readonly pulls: PullQueue | null
  /** null for a pull consumer. */
  readonly push: PushDelivery | null
  /** Messages that match and were not delivered yet. */
  readonly count: PendingCount
  /** Share of acks that metrics are published for. */
  samplePercent: number
  /** 0: never. */
  lastDeliveredMs = 0
  lastAckMs = 0
  isClosed = false
  private readonly turn: Turn
  private readonly delivery: Delivery
  private readonly acks: Acks
  private readonly inactivity: Inactivity
  private pausedUntilMs = 0
  private checkPendingMs = Infinity
  private lastTarget: Target | null = null
  private readonly alarm: Alarm
  /** Work that a flush puts off runs in the next turn: others get theirs in between. */
  private readonly nextTurn: TurnTask = { deferred: false, run: () => this.wake() }
  private readonly makeHeartbeat = (): string => heartbeatHeader(this, '')

  constructor(stream: Stream, name: string, meta: ConsumerMeta, progress: Progress, ledger: Ledger | null) {
    const { config } = meta
    const nowMs = stream.clock.now()
    this.stream = stream
    this.turn = stream.account.account.bus.turn
    this.name = name
    this.createdMs = meta.created
    this.config = config
    this.progress = progress
    this.count = new PendingCount(stream, progress, subjectFilter(filtersOf(config)))
    this.alarm = new Alarm(stream.clock, () => this.rang())
    this.samplePercent = samplePercent(config)
    this.ledger = new ConsumerLedger(this, ledger)
    this.advisories = new Advisories(this)
    this.groups = new PriorityGroups(this)
    this.deliveries = new Deliveries(this)
    this.acks = new Acks(this)
    this.delivery = new Delivery(this)
    this.inactivity = new Inactivity(this)
    const isPull = (config.deliver_subject ?? '') === ''
    this.pulls = isPull ? new PullQueue(this.groups, config.max_waiting ?? 0, nowMs) : null
    this.push = isPull ? null : new PushDelivery(this, nowMs)
    this.inactivity.configure(nowMs)
    this.readPause()
  }

  /** Rebuilds a consumer from what was journaled. */
  static recover(stream: Stream, ledger: Ledger): Consumer {
    const meta = ledger.meta as unknown as ConsumerMeta
    const progress = new Progress(ackModeOf(meta.config))
    const { bus } = stream.account.account
    const { entry, isDamaged } = recoverProgress(ledger, progress, stream.log.lastSeq, (text) =>
      bus.log(
        'warn',
        `stream ${stream.name}: ${text}; what is not known to be acknowledged is delivered again`,
      ),
    )
    const consumer = new Consumer(stream, ledger.name, meta, progress, ledger)
    consumer.ledger.steps.number = entry + 1
    if (isDamaged) consumer.ledger.beginAnew()
    reconcile(consumer)
    if (progress.pending.size > 0) consumer.checkPendingAt(stream.clock.now() + ACK_WAIT_SLACK_MS)
    consumer.wake()
    return consumer
  }

  /** What the ledger keeps as its meta. */
  meta(): { created: number; config: ConsumerConfig } {
    return { created: this.createdMs, config: this.config }
  }

  /** Do acks settle messages (workqueue and interest retention)? */
  get settlesMessages(): boolean {
    return retainsMessages(this.stream.config)
  }

  get isDurable(): boolean {
    return isDurable(this.config)
  }

  // What the stream tells

  /** Does somebody wait for messages? */
  get isAsked(): boolean {
    return this.pulls !== null ? this.pulls.length > 0 : this.push?.isActive === true
  }

  /** Messages up to the log's committedSeq may be delivered. */
  committed(): void {
    if (this.isAsked) this.wake()
  }

  /** A message that matches went away. True when it was delivered: `deliveries.gone` is to follow. */
  misses(seq: number): boolean {
    const { progress } = this
    if (seq >= progress.nextStreamSeq) {
      this.count.removed(seq)
      return false
    }
    return this.holds(seq)
  }

  /** Was the message delivered, and does the consumer still know of it? */
  holds(seq: number): boolean {
    const { pending, redelivered } = this.progress
    return pending.find(seq) !== -1 || (redelivered.size > 0 && redelivered.has(seq))
  }

  /** Many messages went away. `isRequested`: by a purge; one of everything takes the ack floor over what was given up. */
  purged(isRequested = false): void {
    this.count.purged()
    reconcile(this)
    const { progress, ledger } = this
    const { firstSeq } = this.stream.log
    if (isRequested && progress.nextStreamSeq === firstSeq) {
      progress.skipTo(firstSeq)
      ledger.steps.skipTo(firstSeq)
    }
    this.wake()
  }

  /** For interest retention: is a message that matches still to be delivered to, or acknowledged by, this consumer? */
  needs(seq: number): boolean {
    const { progress } = this
    if (progress.redelivered.size > 0 && progress.redelivered.has(seq)) return true
    if (seq <= progress.ackFloorStreamSeq) return false
    if (progress.ackMode !== 'explicit') return true
    return seq >= progress.nextStreamSeq || progress.pending.find(seq) !== -1
  }

  /** An ack, nak … for this consumer; `offset`: where the token with the deliveries begins in the subject. */
  onAck(message: Message, offset: number): void {
    if (!this.isClosed) this.acks.onAck(message, offset)
  }

  /** Ack policy flow_control: an answer to flow control tells how far the client has come. */
  acknowledgeThrough(streamSeq: number, consumerSeq: number): void {
    this.acks.acknowledgeThrough(streamSeq, consumerSeq)
  }

  /** A request for messages; statuses and messages go to `reply`. */
  pull(reply: string, body: string): void {
    if (reply === '' || this.isClosed) return
    try {
      answerPull(this, reply, body)
    } catch (error) {
      if (!(error instanceof ReadFailure)) throw error
      sendStatus(this.targetOf(reply), statusHeader('500 Store Can Not Be Read'))
    }
  }

  info(): ConsumerInfo {
    const nowMs = this.stream.clock.now()
    this.pulls?.sweep(nowMs, false, this.makeHeartbeat)
    return consumerInfo(this, nowMs)
  }

  /** Takes over a checked configuration. */
  update(config: ConsumerConfig): void {
    const before = this.config
    const nowMs = this.stream.clock.now()
    this.config = config
    this.samplePercent = samplePercent(config)
    const filters = filtersOf(config)
    const hasOtherFilters = filters.join(' ') !== this.filter.patterns.join(' ')
    if (hasOtherFilters) {
      this.count.filter = subjectFilter(filters)
      this.count.skipList = null
      this.count.forget()
      this.stream.consumers.filtersChanged(this)
    }
    if (this.pulls !== null) this.pulls.limit = config.max_waiting ?? 0
    this.push?.configure(nowMs)
    if (before.inactive_threshold !== config.inactive_threshold) this.inactivity.configure(nowMs)
    if (before.ack_wait !== config.ack_wait) this.checkPendingAt(nowMs + 100)
    const pausedBefore = this.pausedUntilMs
    this.readPause()
    this.ledger.saveMeta()
    if (pausedBefore !== this.pausedUntilMs) this.advisories.paused(this.pausedUntilMs)
    if (before.deliver_subject !== config.deliver_subject) {
      // Whoever listens there has had none of what is pending.
      const { pending } = this.progress
      for (let row = pending.first; row !== -1; row = pending.next[row]) this.progress.enqueue(row)
    }
    if (hasOtherFilters) this.stream.wantedAnew()
    // Whoever waits at the begin of a pause goes on waiting; and a description is no reason to look at what passed by.
    const isOther =
      hasOtherFilters ||
      pausedBefore !== this.pausedUntilMs ||
      WAKING.some((field) => before[field] !== config[field])
    if (isOther && this.pausedUntilMs <= nowMs) this.wake()
    else this.setAlarm()
  }

  /** The consumer is no more: waiting requests are told so, and what was kept of it goes. */
  delete(status = '409 Consumer Deleted'): void {
    if (this.isClosed) return
    this.advisories.deleted()
    this.close(status)
    this.ledger.delete()
    this.stream.consumerDeleted(this)
  }

  /** Shutdown: everything stays as it is on disk. */
  stop(status: string): void {
    if (this.isClosed) return
    this.close(status)
  }

  /** Starts again at a stream sequence, with nothing delivered. */
  reset(asked: number): void {
    const seq = Math.min(asked, MAX_SEQUENCE + 1)
    this.progress.startAt(seq)
    this.ledger.steps.startAt(seq)
    this.count.skipList = null
    this.count.forget()
    this.lastDeliveredMs = 0
    this.lastAckMs = 0
    this.wake()
  }

  // What the parts of the consumer tell

  /** Something changed: works at the end of the turn. */
  wake(): void {
    if (!this.isClosed) this.turn.deferWork(this)
  }

  run(): void {
    if (this.isClosed) return
    const nowMs = this.stream.clock.now()
    const halt = this.deliver(nowMs)
    if (halt === 'failed') this.delivery.heldUntilMs = nowMs + READ_AGAIN_MS
    const { log } = this.stream
    const isAtEnd = halt === 'end' && (this.count.isNone || log.committedSeq >= log.lastSeq)
    if (halt === 'end' && !isAtEnd) this.stream.consumers.tellOfCommit(this)
    if (this.pulls !== null) {
      // Who doesn't want to wait does so only for what max_ack_pending holds back, until the time comes for another request's end or
      // heartbeat: so it is in nats-server.
      const isDue = this.pulls.nextEventMs <= nowMs
      const hasNothing = halt === 'idle' || isAtEnd
      if (isDue || (hasNothing && this.pulls.impatient > 0)) {
        this.pulls.sweep(nowMs, hasNothing || halt === 'stalled', this.makeHeartbeat)
      }
    }
    this.ledger.flush()
    if (halt === 'share') this.turn.deferFlush(this.nextTurn)
    this.setAlarm()
  }

  private deliver(nowMs: number): Halt {
    try {
      return this.pausedUntilMs > nowMs ? 'idle' : this.delivery.run(nowMs)
    } catch (error) {
      if (error instanceof ReadFailure) return 'failed'
      throw error
    }
  }

  /** Ends requests that expired or lost their client. */
  sweepPulls(nowMs: number): void {
    this.pulls?.sweep(nowMs, false, this.makeHeartbeat)
  }

  /** The destination of a request's reply subject; clients tend to use the same one again. */
  targetOf(reply: string): Target {
    let target = this.lastTarget
    if (target === null || target.subject !== reply) {
      target = this.stream.account.account.target(reply)
      this.lastTarget = target
    }
    return target
  }

  /** Messages that match and were not delivered yet. */
  numPending(): number {
    return this.count.value
  }

  get filter(): SubjectFilter {
    return this.count.filter
  }

  get pauseEndMs(): number {
    return this.pausedUntilMs
  }

  /** Milliseconds from which the ack wait of a message counts to when it is over. */
  ackWaitMs(redeliveries: number): number {
    const backoff = this.config.backoff
    if (backoff === undefined || backoff.length === 0) return (this.config.ack_wait ?? 0) / 1e6
    return backoff[Math.min(Math.max(redeliveries, 0), backoff.length - 1)] / 1e6
  }

  /** Looks for messages whose ack wait is over not later than this. */
  checkPendingAt(timeMs: number): void {
    if (timeMs < this.checkPendingMs) this.checkPendingMs = timeMs
  }

  /** Interest in the deliver subject came or went. */
  interestChanged(): void {
    this.inactivity.interestChanged(this.stream.clock.now())
    this.wake()
  }

  private readPause(): void {
    const until = this.config.pause_until
    const instant = until === undefined ? null : parseTime(until)
    this.pausedUntilMs = instant === null || instant.sec <= 0 ? 0 : instant.sec * 1000 + instant.nsec / 1e6
  }

  private close(status: string): void {
    this.ledger.flush()
    this.isClosed = true
    this.alarm.clear()
    this.pulls?.clear(status)
    this.push?.close()
  }

  private setAlarm(): void {
    let atMs = Math.min(this.checkPendingMs, this.inactivity.checkAtMs)
    if (this.pulls !== null) atMs = Math.min(atMs, this.pulls.nextEventMs)
    if (this.push !== null) atMs = Math.min(atMs, this.push.heartbeatAtMs())
    if (this.pausedUntilMs > 0) atMs = Math.min(atMs, this.pausedUntilMs)
    atMs = Math.min(atMs, this.groups.pinEndsAtMs)
    if (this.delivery.heldUntilMs > 0) atMs = Math.min(atMs, this.delivery.heldUntilMs)
    this.alarm.set(atMs)
  }

  private rang(): void {
    if (this.isClosed) return
    const nowMs = this.stream.clock.now()
    if (this.checkPendingMs <= nowMs) this.checkPendingMs = expirePending(this, nowMs)
    if (this.push !== null && this.push.heartbeatAtMs() <= nowMs) this.push.heartbeat(nowMs)
    if (this.groups.pinEndsAtMs <= nowMs) this.groups.expire()
    if (this.delivery.heldUntilMs <= nowMs) this.delivery.heldUntilMs = 0
    if (this.pausedUntilMs > 0 && this.pausedUntilMs <= nowMs) {
      this.advisories.paused(this.pausedUntilMs)
      this.pausedUntilMs = 0
    }
    if (this.inactivity.checkAtMs <= nowMs && this.inactivity.isOver(nowMs)) {
      this.delete()
      return
    }
    if (this.pausedUntilMs > nowMs && (this.pulls === null || this.pulls.nextEventMs > nowMs)) {
      // Whoever waits through the pause is not to hear of what goes on meanwhile.
      this.ledger.flush()
      this.setAlarm()
    } else this.wake()
  }
}

/** How the consumer of a configuration is acknowledged. */
export function ackModeOf(config: ConsumerConfig): 'none' | 'all' | 'explicit' {
  if (config.ack_policy === 'none') return 'none'
  return config.ack_policy === 'explicit' ? 'explicit' : 'all'
}
