/**
 * Numbers and times at the ends of every range, in every field that takes one: each request is answered, nothing that was stored
 * is lost by it, and all is the same after a restart and after a power failure.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/ports/random.ts'
import { House, type Json } from './house.ts'

const NUMBERS = [
  '-1',
  '0',
  '1',
  '2147483647',
  '2147483648',
  '4294967296',
  '281474976710655',
  '281474976710656',
  '9007199254740991',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '18446744073709551615',
  '18446744073709551616',
  '-9223372036854775808',
  '-9223372036854775809',
  '1e30',
  '-1e30',
  '1e400',
  '1.5',
  '-0',
]
const TIMES = [
  '0001-01-01T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '1969-12-31T23:59:59.999999999Z',
  '2106-02-07T06:28:16Z',
  '9999-12-31T23:59:59.999999999Z',
  '10000-01-01T00:00:00Z',
  '275761-01-01T00:00:00Z',
  '2026-13-45T25:61:61Z',
  '-1',
]

const STREAM_NUMBERS = [
  'max_msgs',
  'max_bytes',
  'max_msgs_per_subject',
  'max_msg_size',
  'max_consumers',
  'max_age',
  'duplicate_window',
  'first_seq',
  'num_replicas',
  'subject_delete_marker_ttl',
]
const CONSUMER_NUMBERS = [
  'opt_start_seq',
  'ack_wait',
  'max_deliver',
  'max_ack_pending',
  'max_waiting',
  'max_batch',
  'max_expires',
  'max_bytes',
  'inactive_threshold',
  'rate_limit_bps',
  'idle_heartbeat',
  'num_replicas',
  'priority_timeout',
]
const HEADERS = [
  'Nats-TTL',
  'Nats-Expected-Last-Sequence',
  'Nats-Expected-Last-Subject-Sequence',
  'Nats-Batch-Sequence',
  'Nats-Rollup',
  'Nats-Msg-Id',
]

/** Requests made by chance, one number or time of each at an end of its range. */
class Extremes {
  readonly random: Random
  house: House
  private inbox = 0
  readonly acks: string[] = []

  constructor(seed: number, house: House) {
    this.random = new Random(seed)
    this.use(house)
    this.house = house
  }

  use(house: House): void {
    this.house = house
    house.bus.account('$G').subscribe('in.*', {
      onMessage: (message) => {
        const reply = message.reply.toString('utf8', message.replyStart, message.replyEnd)
        if (reply.startsWith('$JS.ACK')) this.acks.push(reply)
      },
    })
  }

  pick<T>(from: readonly T[]): T {
    return from[this.random.below(from.length)]
  }

  /** Every request is answered, by what can be read. */
  async ask(verb: string, body: string): Promise<Json> {
    const answer = await this.house.api(verb, body)
    assert.ok(
      typeof answer.type === 'string' || answer.error !== undefined,
      `${verb} ${body} is not answered`,
    )
    return answer
  }

  private fields(base: string[], numbers: readonly string[], most: number): string {
    const fields = [...base]
    const named = new Set<string>()
    for (let left = 1 + this.random.below(most); left > 0; left--) {
      const name = this.pick(numbers)
      if (named.has(name)) continue
      named.add(name)
      fields.push(`"${name}":${this.pick(NUMBERS)}`)
    }
    return `{${fields.join(',')}}`
  }

  async step(): Promise<void> {
    const { house, random } = this
    const stream = `S${random.below(4)}`
    const consumer = `c${random.below(3)}`
    const n = (): string => this.pick(NUMBERS)
    const steps: (() => unknown)[] = [
      () => this.stream('CREATE', stream),
      () => this.stream('UPDATE', stream),
      () => this.consumer(stream, consumer),
      () => this.consumer(stream, consumer),
      () => house.publish(`${stream}.a`, 'x'),
      () => house.publish(`${stream}.a`, 'x', [`${this.pick(HEADERS)}: ${n()}`]),
      () => this.ask(`STREAM.PURGE.${stream}`, `{"${this.pick(['seq', 'keep'])}":${n()}}`),
      () => this.ask(`STREAM.MSG.GET.${stream}`, `{"seq":${n()}}`),
      () => this.ask(`STREAM.MSG.GET.${stream}`, `{"seq":${n()},"next_by_subj":"${stream}.>"}`),
      () => this.ask(`STREAM.MSG.DELETE.${stream}`, `{"seq":${n()}}`),
      () =>
        this.ask(`STREAM.INFO.${stream}`, `{"offset":${n()},"subjects_filter":">","deleted_details":true}`),
      () => this.ask('STREAM.LIST', `{"offset":${n()}}`),
      () => this.ask(`CONSUMER.LIST.${stream}`, `{"offset":${n()}}`),
      () => this.ask(`CONSUMER.RESET.${stream}.${consumer}`, `{"seq":${n()}}`),
      () => this.ask(`CONSUMER.PAUSE.${stream}.${consumer}`, `{"pause_until":"${this.pick(TIMES)}"}`),
      () =>
        house.send(
          `$JS.API.DIRECT.GET.${stream}`,
          `{"seq":${n()},"batch":${n()},"max_bytes":${n()}}`,
          [],
          'in.d',
        ),
      () =>
        house.send(
          `$JS.API.DIRECT.GET.${stream}`,
          `{"multi_last":["${stream}.>"],"up_to_seq":${n()}}`,
          [],
          'in.d',
        ),
      () =>
        this.pull(stream, consumer, this.fields([], ['batch', 'expires', 'max_bytes', 'idle_heartbeat'], 3)),
      () => this.pull(stream, consumer, '{"batch":3,"no_wait":true}'),
      () => this.pull(stream, consumer, '{"batch":3,"no_wait":true}'),
      () => this.acknowledge(n),
      () => this.acknowledge(n),
    ]
    await this.pick(steps)()
    if (random.chance(0.2)) await house.pass(random.below(400))
  }

  private async stream(verb: string, name: string): Promise<void> {
    const base = [
      `"name":"${name}"`,
      `"subjects":["${name}.>"]`,
      '"allow_msg_ttl":true',
      '"allow_direct":true',
    ]
    base.push('"allow_rollup_hdrs":true', `"retention":"${this.pick(['limits', 'workqueue', 'interest'])}"`)
    await this.ask(`STREAM.${verb}.${name}`, this.fields(base, STREAM_NUMBERS, 2))
  }

  private async consumer(stream: string, name: string): Promise<void> {
    const base = [`"durable_name":"${name}"`, '"ack_policy":"explicit"']
    const kind = this.random.below(5)
    if (kind === 0) base.push('"deliver_policy":"by_start_sequence"', `"opt_start_seq":${this.pick(NUMBERS)}`)
    if (kind === 1) base.push('"deliver_policy":"by_start_time"', `"opt_start_time":"${this.pick(TIMES)}"`)
    if (kind === 2) base.push(`"backoff":[${this.pick(NUMBERS)},${this.pick(NUMBERS)}]`)
    if (kind === 3) base.push(`"pause_until":"${this.pick(TIMES)}"`)
    const config = this.fields(base, CONSUMER_NUMBERS, 2)
    await this.ask(`CONSUMER.CREATE.${stream}.${name}`, `{"stream_name":"${stream}","config":${config}}`)
  }

  private async pull(stream: string, consumer: string, body: string): Promise<void> {
    this.house.send(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, body, [], `in.${++this.inbox}`)
    await this.house.pass(1)
  }

  private acknowledge(n: () => string): void {
    const ack = this.acks.length > 0 ? this.pick(this.acks) : '$JS.ACK.S0.c0.1.1.1.1.0'
    if (this.random.chance(0.3)) {
      const tokens = ack.split('.')
      tokens[4 + this.random.below(5)] = n()
      this.house.send(tokens.join('.'), this.pick(['+ACK', '-NAK', '+TERM', '+WPI', '']))
    } else
      this.house.send(
        ack,
        this.pick([`-NAK {"delay":${n()}}`, '-NAK', '+WPI', `+NXT {"batch":${n()}}`]),
        [],
        'in.n',
      )
  }

  /** All that there is, as far as time does not change it. */
  async all(): Promise<Json> {
    const found: Json = {}
    const { streams } = (await this.ask('STREAM.NAMES', '')) as { streams: string[] | null }
    for (const stream of streams ?? []) {
      const { config, state } = await this.ask(
        `STREAM.INFO.${stream}`,
        '{"subjects_filter":">","deleted_details":true}',
      )
      const { messages, first_seq: first } = state as { messages: number; first_seq: number }
      // Where an empty stream begins is told anew after a start.
      found[stream] = { config, state: messages > 0 ? state : { ...(state as Json), first_seq: 0 } }
      const { consumers } = (await this.ask(`CONSUMER.NAMES.${stream}`, '')) as { consumers: string[] | null }
      for (const consumer of (consumers ?? []).sort()) {
        const info = await this.ask(`CONSUMER.INFO.${stream}.${consumer}`, '')
        const {
          delivered,
          ack_floor,
          num_ack_pending,
          num_pending,
          config: shown,
        } = info as Record<string, Json>
        // At a start consumers take note of where the stream begins.
        const sequences = [delivered, ack_floor].map((each) => [
          each.consumer_seq,
          messages > 0 ? Math.max(each.stream_seq as number, first - 1) : 0,
        ])
        found[`${stream} ${consumer}`] = { sequences, num_ack_pending, num_pending, shown }
      }
    }
    return found
  }
}

const SEEDS = Number(process.env.SEEDS ?? 12)
const STEPS = 120

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`numbers and times out of range change nothing that was stored (seed ${seed})`, async () => {
    let house = await House.open()
    const extremes = new Extremes(seed, house)
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < STEPS; i++) await extremes.step()
      // What is over by now goes before it is compared.
      await house.pass(1000)
      const before = await extremes.all()
      house = round === 1 ? await house.crash() : await house.restart()
      extremes.use(house)
      await house.pass(1)
      assert.deepEqual(await extremes.all(), before)
    }
    assert.equal(house.store.failure, null)
    await house.stream({ name: 'AFTER', subjects: ['after'] })
    assert.equal((await house.publish('after', 'still here')).seq, 1)
  })
}
