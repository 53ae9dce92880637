/** Plays a plan on one server, by the clock, and writes down what it answered and what it had at the end of each slot. */
import { normalise } from '../normalise.ts'
import type { Delivery, Session } from '../session.ts'
import { Ends, type Span } from './ends.ts'
import {
  OPERATION_AT_MS,
  type Operation,
  SLOT_MS,
  SLOTS,
  type StreamConfig,
  type TtlPlan,
} from './ttl-plan.ts'

/** When in a slot it is looked at what is there: what ends in the slot is gone by then. */
const LOOK_MS = 410
/** What a server adds to a message that it hands over. */
const ADDED = /^Nats-(Stream|Subject|Sequence|Time-Stamp|Num-Pending|Last-Sequence):/
const NO_NAMES: ReadonlyMap<string, string> = new Map()

export interface Note {
  slot: number
  what: string
  got: unknown
  /** False: something may have ended while it was looked at. */
  isClear: boolean
}

export class TtlPlayer {
  readonly notes: Note[] = []
  /** From this slot on nothing is comparable: what was done may have come before or behind the end of a message. */
  lostAt = Number.POSITIVE_INFINITY
  private readonly plan: TtlPlan
  private readonly session: Session
  private readonly ends = new Ends()

  constructor(plan: TtlPlan, session: Session) {
    this.plan = plan
    this.session = session
  }

  /** Makes the stream and its consumers; the first slot comes when all have done so. */
  async prepare(): Promise<void> {
    const { plan, session } = this
    const { body } = await session.quietly(`$JS.API.STREAM.CREATE.${plan.stream}`, plan.config)
    this.note(0, `create ${JSON.stringify(plan.config)}`, body)
    for (const config of plan.consumers) {
      const subject = `$JS.API.CONSUMER.CREATE.${plan.stream}.${config.durable_name}`
      const answer = await session.quietly(subject, { stream_name: plan.stream, config })
      this.note(0, `create ${JSON.stringify(config)}`, answer.body)
    }
  }

  /** `startMs`: when the first slot begins, by performance.now(). */
  async play(startMs: number): Promise<void> {
    const { plan } = this
    this.ends.configure(plan.config, { from: startMs, to: startMs })
    for (let slot = 0; slot < SLOTS && slot <= this.lostAt; slot++) {
      const beginMs = startMs + slot * SLOT_MS
      const operations = plan.operations[slot] ?? []
      if (operations.length > 0) await this.operate(slot, operations, beginMs)
      await until(beginMs + LOOK_MS)
      await this.look(slot)
    }
  }

  async end(): Promise<void> {
    await this.session.quietly(`$JS.API.STREAM.DELETE.${this.plan.stream}`)
    this.session.close()
  }

  private async operate(slot: number, operations: readonly Operation[], beginMs: number): Promise<void> {
    await until(beginMs + OPERATION_AT_MS)
    for (const operation of operations) await this.doOne(slot, operation)
  }

  private async doOne(slot: number, operation: Operation): Promise<void> {
    const { plan, session } = this
    const from = performance.now()
    switch (operation.kind) {
      case 'publish': {
        const { subject, headers, body, ttlMs } = operation
        const answer = await session.quietly(subject, body, headers)
        this.note(slot, `publish ${subject} ${JSON.stringify(headers)}`, answer.body)
        this.ends.publish(this.done(slot, from), ttlMs)
        break
      }
      case 'api': {
        const answer = await session.quietly(`$JS.API.${operation.verb}.${plan.stream}`, operation.body)
        this.note(slot, `${operation.verb} ${JSON.stringify(operation.body)}`, answer.body)
        this.done(slot, from)
        break
      }
      case 'update': {
        const answer = await session.quietly(`$JS.API.STREAM.UPDATE.${plan.stream}`, operation.config)
        // What is over by the new configuration may be gone by the time of the answer, or not yet.
        const { state: _, ...rest } = answer.body as Record<string, unknown>
        this.note(slot, `update ${changes(plan.config, operation.config)}`, rest)
        this.ends.configure(operation.config, this.done(slot, from))
        break
      }
      case 'take': {
        const { consumer, answer } = operation
        const request = `$JS.API.CONSUMER.MSG.NEXT.${plan.stream}.${consumer}`
        const { subject, reply, headers, body } = await session.quietly(request, { batch: 1, no_wait: true })
        // Without the time and what is pending behind it.
        const isMessage = reply?.startsWith('$JS.ACK.') === true
        this.note(slot, `take ${consumer}`, {
          subject: isMessage ? subject : '',
          reply: reply?.split('.').slice(0, 7),
          headers,
          body,
        })
        if (isMessage && answer !== '')
          this.note(slot, `ack ${answer}`, (await session.quietly(reply ?? '', answer)).body)
        this.done(slot, from)
        break
      }
    }
  }

  /** When an operation was done; too late when a message may have ended meanwhile. */
  private done(slot: number, from: number): Span {
    const span = { from, to: performance.now() }
    if (this.ends.areDue(span)) this.lostAt = Math.min(this.lostAt, slot)
    return span
  }

  private async look(slot: number): Promise<void> {
    const { plan, session } = this
    const from = performance.now()
    const state = await this.state()
    const messages = (await session.messagesOf(plan.stream)).map(stored)
    const consumers: unknown[] = []
    for (const { durable_name: name } of plan.consumers) {
      const { body } = await session.quietly(`$JS.API.CONSUMER.INFO.${plan.stream}.${name}`)
      // nats-server's num_pending goes wrong with filters and roll-ups, and how far it has skipped isn't determined.
      consumers.push((body as Record<string, unknown>).num_ack_pending)
    }
    const got = { state: withoutOrder(state, messages[0]), messages: messages.map(shown).sort(), consumers }
    const isClear = !this.ends.areDue({ from, to: performance.now() })
    // Under load a server may be later than usual, and something may have ended meanwhile.
    const isStill = JSON.stringify(state) === JSON.stringify(await this.state())
    this.note(slot, 'state', got, isClear && isStill)
  }

  private async state(): Promise<Record<string, unknown>> {
    const subject = `$JS.API.STREAM.INFO.${this.plan.stream}`
    const { body } = await this.session.quietly(subject, { subjects_filter: '>' })
    return (body as { state?: Record<string, unknown> }).state ?? {}
  }

  private note(slot: number, what: string, got: unknown, isClear = true): void {
    this.notes.push({ slot, what, got: normalise(got, NO_NAMES), isClear })
  }
}

interface Stored {
  seq: number
  subject: string
  headers: string
  body: string
  isMarker: boolean
}

function stored({ headers = '', payload = '' }: Delivery): Stored {
  const lines = headers.split('\r\n').filter((line) => line !== '')
  const added = (name: string): string =>
    lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
  const seq = Number(added('Nats-Sequence'))
  const subject = added('Nats-Subject')
  const own = lines.slice(1).filter((line) => !ADDED.test(line))
  return { seq, subject, headers: own.join('|'), body: payload, isMarker: isMarker(own) }
}

/** The headers of a marker that the server made: scripts publish no others with all three in this order. */
function isMarker(lines: readonly string[]): boolean {
  return lines.length === 3 && lines[0] === 'Nats-Marker-Reason: MaxAge' && lines[2] === 'Nats-Rollup: sub'
}

/** In which order messages that end together leave their markers is not determined: only where they are among others. */
function shown({ seq, subject, headers, body, isMarker }: Stored): string {
  return `${subject} ${isMarker ? 'marker' : seq} ${headers} ${body}`
}

function withoutOrder(state: Record<string, unknown>, first: Stored | undefined): Record<string, unknown> {
  const { first_seq, num_deleted, ...rest } = state
  return first?.isMarker ? rest : { ...rest, first_seq, num_deleted }
}

/** What an update changes, for whoever reads a difference. */
function changes(before: StreamConfig, after: StreamConfig): string {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  const changed = [...names].filter((name) => before[name] !== after[name] && name !== 'subjects')
  return JSON.stringify(Object.fromEntries(changed.map((name) => [name, after[name] ?? null])))
}

/** Until that moment of performance.now(). */
export async function until(ms: number): Promise<void> {
  const left = ms - performance.now()
  if (left > 0) await new Promise((done) => setTimeout(done, left))
}
