import type { Message, Turn, TurnTask } from '../../core/index.ts'
import { Alarm } from '../../ports/alarm.ts'
import { type Ledger, ReadFailure } from '../../storage/index.ts'
import { type SubjectFilter, subjectFilter } from '../../subjects/index.ts'
import { filtersOf, samplePercent } from '../config/consumer/defaults.ts'
import { MAX_SEQUENCE } from '../config/ranges.ts'
import { parseTime } from '../config/time-text.ts'
import type { ConsumerConfig } from '../config/types.ts'
import { sendStatus, statusHeader } from '../headers/status.ts'
import { READ_AGAIN_MS } from '../stream/later.ts'
import { Acks } from './acks/acks.ts'
import { Delivery, type Halt } from './delivery/delivery.ts'
import { PushDelivery } from './delivery/push-delivery.ts'
import { Inactivity } from './inactivity.ts'
import { type ConsumerInfo, consumerInfo } from './info.ts'
import { PriorityGroups } from './requests/priority-groups.ts'
import { PullAnswers } from './requests/pull-answer.ts'
import { PullQueue } from './requests/pull-queue.ts'
import { type ConsumerMeta, ConsumerState } from './state/consumer-state.ts'
import { ACK_WAIT_SLACK_MS, Deliveries } from './state/deliveries.ts'
import { expirePending } from './state/pending-expiry.ts'
import { Progress } from './state/progress.ts'
import { reconcile, recoverProgress } from './state/recovery.ts'
import type { ConsumerStream } from './state/stream.ts'

/** Fields on which it depends who gets the next messages. */
const WAKING = ['deliver_subject', 'deliver_group', 'priority_policy', 'rate_limit_bps'] as const

/**
 * One consumer of a stream: which messages it wants, how far it has come, and who gets the next ones. It works at the end of a
 * turn (`run`), woken by whatever changed.
 */
export class Consumer extends ConsumerState implements TurnTask {
  /** Owned by the Turn. */
  deferred = false
  /** Owned by Consumers. */
  isToldOfCommit = false
  readonly groups: PriorityGroups
  readonly deliveries: Deliveries
  /** null for a push consumer. */
  readonly pulls: PullQueue | null
  /** null for a pull consumer. */
  readonly push: PushDelivery | null
  private readonly turn: Turn
  private readonly requests: PullAnswers
  private readonly acks: Acks
  private readonly delivery: Delivery
  private readonly inactivity: Inactivity
  private pausedUntilMs = 0
  /** There was nothing to give to those who ask when it was looked last. */
  private hadNothing = false
  /** It is still to be told that the pause is over. */
  private isPauseEnding = false
  /** Something has happened since the last run for which those who wait are looked at. */
  private isAwake = false
  private readonly alarm: Alarm
  /** Work that a flush puts off runs in the next turn: others get theirs in between. */
  private readonly nextTurn: TurnTask = { deferred: false, run: () => this.wake() }

  constructor(
    stream: ConsumerStream,
    name: string,
    meta: ConsumerMeta,
    progress: Progress,
    ledger: Ledger | null,
    filter: SubjectFilter = subjectFilter(filtersOf(meta.config)),
  ) {
    super(stream, name, meta, progress, ledger, filter)
    const { config } = meta
    const nowMs = stream.clock.now()
    this.turn = stream.account.bus.turn
    this.alarm = new Alarm(stream.clock, () => this.rang())
    this.deliveries = new Deliveries(this)
    this.groups = new PriorityGroups(this)
    this.acks = new Acks(this, (reply, body) => this.pull(reply, body))
    const isPull = (config.deliver_subject ?? '') === ''
    this.pulls = isPull ? new PullQueue(this.groups, config.max_waiting ?? 0, nowMs) : null
    this.push = isPull ? null : new PushDelivery(this, this.acks, () => this.interestChanged(), nowMs)
    this.requests = new PullAnswers(this, this.groups, this.pulls)
    this.delivery = new Delivery(this, this.deliveries, this.groups, this.pulls, this.push)
    this.inactivity = new Inactivity(this, this.pulls, this.push, (at) => this.requests.sweep(at))
    this.inactivity.configure(nowMs)
    this.readPause()
  }

  /** Rebuilds a consumer from what was journaled. */
  static recover(stream: ConsumerStream, ledger: Ledger): Consumer {
    const meta = ledger.meta as unknown as ConsumerMeta
    const progress = new Progress(ackModeOf(meta.config))
    const { bus } = stream.account
    const { entry, isDamaged } = recoverProgress(ledger, progress, stream.log.lastSeq, (text) =>
      bus.log(
        'warn',
        `stream ${stream.name}: ${text}; what is not known to be acknowledged is delivered again`,
      ),
    )
    const consumer = new Consumer(stream, ledger.name, meta, progress, ledger)
    consumer.ledger.steps.number = entry + 1
    if (isDamaged) consumer.ledger.beginAnew()
    reconcile(consumer, consumer.deliveries)
    if (progress.pending.size > 0) consumer.checkPendingAt(stream.clock.now() + ACK_WAIT_SLACK_MS)
    consumer.wake()
    return consumer
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
    reconcile(this, this.deliveries)
    const { progress, ledger } = this
    const { firstSeq } = this.stream.log
    if (isRequested && progress.nextStreamSeq === firstSeq) {
      progress.skipTo(firstSeq)
      ledger.steps.skipTo(firstSeq)
    }
    this.wake()
  }

  /** Does another stream copy by it? That does not change. */
  get isCopy(): boolean {
    return this.config.direct === true || this.config.sourcing === true
  }

  /** Is a message that matches still to be delivered to, or acknowledged by, this consumer? */
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

  /** A request for messages; statuses and messages go to `reply`. */
  pull(reply: string, body: string): void {
    if (reply === '' || this.isClosed) return
    try {
      this.requests.answer(reply, body)
    } catch (error) {
      if (!(error instanceof ReadFailure)) throw error
      sendStatus(this.requests.targetOf(reply), statusHeader('500 Store Can Not Be Read'))
    }
  }

  info(): ConsumerInfo {
    const nowMs = this.stream.clock.now()
    this.requests.sweep(nowMs)
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
    const isPaused = this.pausedUntilMs > nowMs
    const isOther =
      hasOtherFilters || pausedBefore > nowMs || WAKING.some((field) => before[field] !== config[field])
    if (before.max_ack_pending !== config.max_ack_pending || (isOther && !isPaused)) this.wake()
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
    this.isAwake = true
    this.settleUp()
  }

  settleUp(): void {
    if (!this.isClosed) this.turn.deferWork(this)
  }

  run(): void {
    if (this.isClosed) return
    const nowMs = this.stream.clock.now()
    const { isAwake } = this
    this.isAwake = false
    // An ack that makes no room is written down, and no reason to look at what passed by.
    if (!isAwake) {
      this.ledger.flush()
      this.setAlarm()
      return
    }
    // Whose time is over is gone before it is asked who is next: it is nobody's turn then.
    const isDue = this.pulls?.isDue(nowMs) === true
    if (isDue) this.requests.sweep(nowMs, this.hadNothing)
    const halt = this.deliver(nowMs)
    if (halt === 'failed') this.delivery.heldUntilMs = nowMs + READ_AGAIN_MS
    const { log } = this.stream
    const isAtEnd = halt === 'end' && (this.count.isNone || log.committedSeq >= log.lastSeq)
    if (halt === 'end' && !isAtEnd) this.stream.consumers.tellOfCommit(this)
    if (this.pulls !== null) {
      // Who doesn't want to wait does so only for what max_ack_pending holds back, until the time comes for another request's end or
      // heartbeat: so it is in nats-server.
      const hasNothing = halt === 'idle' || isAtEnd
      this.hadNothing = hasNothing || halt === 'ackLimit'
      if (isDue || (hasNothing && this.pulls.impatient > 0)) this.requests.sweep(nowMs, this.hadNothing)
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

  get pauseEndMs(): number {
    return this.pausedUntilMs
  }

  /** Interest in the deliver subject came or went. */
  private interestChanged(): void {
    this.inactivity.interestChanged(this.stream.clock.now())
    this.wake()
  }

  private readPause(): void {
    const until = this.config.pause_until
    const instant = until === undefined ? null : parseTime(until)
    this.pausedUntilMs = instant === null || instant.sec <= 0 ? 0 : instant.sec * 1000 + instant.nsec / 1e6
    this.isPauseEnding = this.pausedUntilMs > this.stream.clock.now()
  }

  private close(status: string): void {
    this.ledger.flush()
    this.isClosed = true
    this.alarm.clear()
    this.pulls?.clear(status)
    this.push?.close()
  }

  private setAlarm(): void {
    this.alarm.set(Math.min(this.checkPendingMs, this.eventAtMs()))
  }

  /** When the next of what goes by the clock is due, but for a look at what is pending. */
  private eventAtMs(): number {
    let atMs = this.inactivity.checkAtMs
    if (this.pulls !== null) atMs = Math.min(atMs, this.pulls.nextEventMs)
    if (this.push !== null) atMs = Math.min(atMs, this.push.heartbeatAtMs())
    if (this.isPauseEnding) atMs = Math.min(atMs, this.pausedUntilMs)
    atMs = Math.min(atMs, this.groups.pinEndsAtMs)
    if (this.delivery.heldUntilMs > 0) atMs = Math.min(atMs, this.delivery.heldUntilMs)
    return atMs
  }

  /** Is there something to be delivered again, or given up? */
  private expirePending(nowMs: number): boolean {
    const { pending, queue } = this.progress
    const { size } = pending
    const { length } = queue
    this.checkPendingMs = expirePending(this, this.deliveries, nowMs)
    return queue.length !== length || pending.size !== size
  }

  private rang(): void {
    if (this.isClosed) return
    const nowMs = this.stream.clock.now()
    // A look at what is pending wakes only when something is due: it is no reason to look at what passed by.
    const isEvent = this.eventAtMs() <= nowMs
    const isDue = this.checkPendingMs <= nowMs && this.expirePending(nowMs)
    if (this.push !== null && this.push.heartbeatAtMs() <= nowMs) this.push.heartbeat(nowMs)
    if (this.groups.pinEndsAtMs <= nowMs) this.groups.expire()
    if (this.delivery.heldUntilMs <= nowMs) this.delivery.heldUntilMs = 0
    if (this.isPauseEnding && this.pausedUntilMs <= nowMs) {
      this.advisories.paused(this.pausedUntilMs)
      this.isPauseEnding = false
    }
    if (this.inactivity.checkAtMs <= nowMs && this.inactivity.isOver(nowMs)) {
      this.delete()
      return
    }
    const isPaused = this.pausedUntilMs > nowMs && (this.pulls === null || this.pulls.nextEventMs > nowMs)
    if (!isDue && (isPaused || !isEvent)) {
      // Whoever waits through the pause hears of what is due again, and of nothing else meanwhile.
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
