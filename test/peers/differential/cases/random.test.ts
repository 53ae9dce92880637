/**
 * Scripts made up by chance from a seed: streams, publishes, consumers, pulls, acks, deletes and updates in any order.
 * `SEED=7 npm run test:peers -- test/peers/differential/cases/random.test.ts` runs one seed (or `SEED=1-200`).
 */
import { type Delivery, differential, type Session } from '../harness.ts'

const STEPS = 60
const SUBJECTS = ['s.a', 's.b', 's.c', 's.a.x', 't.a']
const FILTERS = ['s.a', 's.*', 's.>', 't.a', 's.a.>']

/** A generator of numbers in [0, 1) (mulberry32). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

class Script {
  private readonly s: Session
  private readonly random: () => number
  private readonly waiting: Delivery[] = []
  private readonly consumers: string[] = []
  private config: Record<string, unknown> = {}

  constructor(s: Session, seed: number) {
    this.s = s
    this.random = generator(seed)
  }

  async run(): Promise<void> {
    this.config = {
      name: 'S',
      subjects: ['s.>', 't.*'],
      storage: this.pick(['file', 'memory']),
      retention: this.pick(['limits', 'limits', 'limits', 'workqueue', 'interest']),
      discard: this.pick(['old', 'old', 'new']),
      max_msgs: this.pick([-1, -1, 10, 25]),
      max_bytes: this.pick([-1, -1, 900]),
      max_msgs_per_subject: this.pick([-1, -1, 4]),
      allow_direct: true,
      allow_rollup_hdrs: true,
    }
    await this.s.api('STREAM.CREATE.S', this.config)
    for (let step = 0; step < STEPS; step++) await this.step()
    for (const name of this.consumers) await this.s.api(`CONSUMER.INFO.S.${name}`)
  }

  private pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.random() * values.length)]
  }

  private below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  private async step(): Promise<void> {
    const { s } = this
    const what = this.below(100)
    if (what < 34) await this.publish()
    else if (what < 42) await this.createConsumer()
    else if (what < 60) await this.pull()
    else if (what < 76) await this.acknowledge()
    else if (what < 81) await s.api('STREAM.MSG.DELETE.S', { seq: 1 + this.below(40) })
    else if (what < 83) await s.api('STREAM.PURGE.S', this.purge())
    else if (what < 86) await this.update()
    else if (what < 90) await s.api('STREAM.MSG.GET.S', this.get())
    else if (what < 92) await this.deleteConsumer()
    else if (what < 96 && this.consumers.length > 0)
      await s.api(`CONSUMER.INFO.S.${this.pick(this.consumers)}`)
    else await s.api('STREAM.INFO.S', { subjects_filter: '>', deleted_details: true })
  }

  private async publish(): Promise<void> {
    const headers = this.pick([
      '',
      '',
      '',
      '',
      `Nats-Msg-Id: ${this.below(6)}`,
      `Nats-Rollup: ${this.pick(['sub', 'sub', 'all'])}`,
    ])
    const expected = this.below(12) === 0 ? `Nats-Expected-Last-Subject-Sequence: ${this.below(20)}` : headers
    await this.s.request(this.pick(SUBJECTS), 'x'.repeat(this.below(60)), expected)
  }

  private async createConsumer(): Promise<void> {
    const name = `c${this.below(4)}`
    const policy = this.pick(['all', 'all', 'all', 'last', 'new', 'last_per_subject', 'by_start_sequence'])
    const config: Record<string, unknown> = {
      durable_name: name,
      ack_policy: this.pick(['explicit', 'explicit', 'all', 'none']),
      ack_wait: 60e9,
      deliver_policy: policy,
      filter_subject: this.below(2) === 0 ? this.pick(FILTERS) : undefined,
      max_ack_pending: this.pick([-1, 3, 100]),
      max_deliver: this.pick([-1, 2, 3]),
    }
    if (policy === 'last_per_subject' && config.filter_subject === undefined) config.filter_subject = 's.>'
    if (policy === 'by_start_sequence') config.opt_start_seq = 1 + this.below(20)
    const answer = await this.s.api(`CONSUMER.CREATE.S.${name}`, { stream_name: 'S', config })
    if (answer.error === undefined && !this.consumers.includes(name)) this.consumers.push(name)
  }

  private async pull(): Promise<void> {
    if (this.consumers.length === 0) return
    const batch = 1 + this.below(5)
    const name = this.pick(this.consumers)
    for (const each of await this.s.pull('S', name, { batch, no_wait: true }, batch, 60)) {
      if (each.reply !== undefined) this.waiting.push(each)
    }
  }

  private async acknowledge(): Promise<void> {
    if (this.waiting.length === 0) return
    const [message] = this.waiting.splice(this.below(this.waiting.length), 1)
    await this.s.publish(message.reply ?? '', this.pick(['+ACK', '+ACK', '+ACK', '-NAK', '+TERM']))
    // nats-server takes acks on a queue of its own.
    await this.s.wait(5)
  }

  private purge(): Record<string, unknown> {
    return this.pick([{ filter: this.pick(FILTERS) }, { seq: 1 + this.below(30) }, { keep: this.below(5) }])
  }

  private get(): Record<string, unknown> {
    const seq = 1 + this.below(30)
    return this.pick([
      { seq },
      { last_by_subj: this.pick(FILTERS) },
      { seq, next_by_subj: this.pick(FILTERS) },
    ])
  }

  private async update(): Promise<void> {
    const change = this.pick([
      { max_msgs: 5 + this.below(20) },
      { max_bytes: 500 + this.below(900) },
      { max_msgs_per_subject: 1 + this.below(4) },
    ])
    this.config = { ...this.config, ...change }
    await this.s.api('STREAM.UPDATE.S', this.config)
  }

  private async deleteConsumer(): Promise<void> {
    if (this.consumers.length === 0) return
    const [name] = this.consumers.splice(this.below(this.consumers.length), 1)
    await this.s.api(`CONSUMER.DELETE.S.${name}`)
    await this.s.wait(20)
  }
}

const [from, to] = (process.env.SEED ?? '1-20').split('-').map(Number)
for (let seed = from; seed <= (to ?? from); seed++) {
  differential(`by chance, seed ${seed}`, (s) => new Script(s, seed).run())
}
