/** Messages that the server sends by itself, held back by flow control while there is no room. */
import type { ConsumerConfig } from '@nats-io/jetstream'
import { createInbox, type Msg, type NatsConnection, type Subscription } from '@nats-io/nats-core'
import type { CodecOption } from '../codec.ts'
import type { Schema } from '../schema.ts'
import { NS_PER_MS } from '../units.ts'
import type { ConsumeOptions } from './options.ts'
import type { MessageSource, MessageSourceOwner } from './source.ts'

/** Where a push consumer sends. */
export interface PushTarget {
  readonly subject: string
  /** Members of a durable's group share its messages. */
  readonly group: string | undefined
  readonly config: Partial<ConsumerConfig>
}

const HEARTBEAT_MS = 5000
const MISSED_HEARTBEATS = 2.5
const RETRY_MS = 1000

/** The push part of a consumer's configuration; null for one that is asked. */
export function pushTarget(
  stream: string,
  options: ConsumeOptions<Schema | undefined, CodecOption | undefined>,
): PushTarget | null {
  if (options.push !== true) return null
  if (options.durable === undefined) {
    const subject = createInbox()
    const idle_heartbeat = HEARTBEAT_MS * NS_PER_MS
    return {
      subject,
      group: undefined,
      config: { deliver_subject: subject, flow_control: true, idle_heartbeat },
    }
  }
  // A subject that every member of the durable knows. Groups have neither flow control nor heartbeats: no one member
  // hears them all. What holds the server back is max_ack_pending.
  const subject = `deliver.${stream}.${options.durable}`
  return {
    subject,
    group: options.durable,
    config: { deliver_subject: subject, deliver_group: options.durable },
  }
}

export class PushSource implements MessageSource {
  readonly #nc: NatsConnection
  readonly #target: PushTarget
  readonly #window: number
  readonly #owner: MessageSourceOwner
  #subscription: Subscription | null = null
  #monitor: NodeJS.Timeout | undefined
  #heardAt = 0
  /** The server waits for this to be answered before it sends more. */
  #flowControl: string | null = null
  #isReviving = false
  #revivals = 0

  constructor(nc: NatsConnection, target: PushTarget, window: number, owner: MessageSourceOwner) {
    this.#nc = nc
    this.#target = target
    this.#window = window
    this.#owner = owner
  }

  start(): void {
    this.#heardAt = performance.now()
    this.#subscription = this.#nc.subscribe(this.#target.subject, {
      queue: this.#target.group,
      callback: (error, raw) => {
        if (error === null) this.#receive(raw)
      },
    })
    // A group's members hear no heartbeats: now and then one has to ask whether the consumer is still there.
    const hasHeartbeats = this.#target.group === undefined
    this.#monitor = setInterval(() => {
      if (performance.now() - this.#heardAt > HEARTBEAT_MS * MISSED_HEARTBEATS) {
        void this.#revive(hasHeartbeats ? 'heartbeats are missing' : 'nothing was heard')
      }
    }, HEARTBEAT_MS)
    this.#monitor.unref()
  }

  refill(): void {
    if (this.#flowControl === null || this.#owner.space() < this.#window / 2) return
    this.#nc.publish(this.#flowControl)
    this.#flowControl = null
  }

  reconnected(): void {
    this.#flowControl = null
    void this.#revive('the connection came back', true)
  }

  async pause(isConnected: boolean): Promise<void> {
    clearInterval(this.#monitor)
    const subscription = this.#subscription
    this.#subscription = null
    if (subscription === null) return
    if (isConnected) await subscription.drain().catch(() => {})
    else subscription.unsubscribe()
  }

  #receive(raw: Msg): void {
    this.#heardAt = performance.now()
    const isStatus = raw.data.length === 0 && raw.headers?.code === 100
    if (!isStatus) {
      this.#owner.message(raw)
      return
    }
    // A heartbeat that says where to answer means that a flow control request got lost on its way.
    const stalled = raw.headers?.get('Nats-Consumer-Stalled')
    if (raw.reply || stalled) {
      this.#flowControl = raw.reply || stalled || null
      this.refill()
    }
  }

  async #revive(why: string, anew = false): Promise<void> {
    if ((this.#isReviving && !anew) || this.#subscription === null) return
    this.#isReviving = true
    const revival = ++this.#revivals
    try {
      await this.#owner.revive(why)
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref())
      if (revival === this.#revivals) void this.#revive(why, true)
      return
    }
    if (revival !== this.#revivals) return
    this.#isReviving = false
    this.#heardAt = performance.now()
  }
}
