/** Pull requests of every kind, several waiting at once, on a consumer that may be held up: the same for the same seed. */
import type { Delivery, Session } from '../session.ts'
import { determined, filtersOf, isFiltered } from './consumer-state.ts'
import { Dice } from './dice.ts'

const STEPS = 36
/** Nothing is to depend on how fast the two are: what waits does so for long, or is waited for. */
const LONG_NS = 60e9
const FAR = '2100-01-01T00:00:00Z'
const CONSUMER = 'c'
/** Ends of requests, and how long until they are over with certainty. */
const SHORT = [
  { fields: { expires: 300e6 }, waitMs: 700 },
  { fields: { expires: 1500e6, idle_heartbeat: 600e6 }, waitMs: 2200 },
] as const

type Config = Record<string, unknown>

export function prefixOf(seed: number): string {
  return `P${seed}x`
}

export class Pulls {
  private readonly dice: Dice
  private readonly session: Session
  private readonly stream: string
  private readonly delivered: Delivery[] = []
  private readonly waiting: string[] = []
  private readonly retention: string
  private config: Config = {}
  /** Requests wait, as of the last look; one that doesn't want to may be among them. */
  private isWaiting = false
  private mayBeImpatient = false
  private hasGaps = false
  private published = 0
  private pulls = 0

  constructor(seed: number, session: Session) {
    this.dice = new Dice(seed)
    this.session = session
    this.stream = `${prefixOf(seed)}S`
    this.retention = this.dice.pick(['limits', 'limits', 'workqueue', 'interest'])
  }

  async run(): Promise<void> {
    const { dice, session, stream } = this
    await session.api(`STREAM.CREATE.${stream}`, {
      name: stream,
      subjects: [`${stream}.*`],
      retention: this.retention,
      storage: dice.pick(['file', 'memory']),
    })
    if (dice.chance(0.7)) for (let left = dice.below(4); left > 0; left--) await this.publish()
    await this.create()
    for (let i = 0; i < STEPS; i++) {
      await this.step()
      if (dice.chance(0.4)) await this.info()
    }
    await this.info()
    await session.api(`STREAM.INFO.${stream}`)
    await session.api(`CONSUMER.DELETE.${stream}.${CONSUMER}`)
    await session.settle('after the end', true)
  }

  private async step(): Promise<void> {
    const { dice, session, stream } = this
    const seq = 1 + dice.below(this.published + 1)
    const step = dice.weighted<() => Promise<unknown>>([
      [34, () => this.pull()],
      [20, () => this.publish()],
      [20, () => this.acknowledge()],
      [6, () => this.update()],
      [4, () => this.pause()],
      [3, () => this.leave()],
      [2, () => this.takeAway(() => session.api(`STREAM.PURGE.${stream}`))],
      [2, () => this.takeAway(() => session.api(`STREAM.MSG.DELETE.${stream}`, { seq }))],
      [1, () => this.remove()],
    ])
    await step()
    this.keep(await session.settle('came', true))
  }

  /** Whether who doesn't want to wait is told that there is nothing any more is a matter of luck: then nothing is removed. */
  private async takeAway(remove: () => Promise<unknown>): Promise<void> {
    await this.info()
    if (this.mayBeImpatient) return
    this.hasGaps = true
    await remove()
  }

  private keep(found: readonly Delivery[]): void {
    for (const each of found) if (each.reply?.startsWith('$JS.ACK.')) this.delivered.push(each)
  }

  private async info(): Promise<Config> {
    const answer = await this.session.api(`CONSUMER.INFO.${this.stream}.${CONSUMER}`, '', '', this.shown)
    this.isWaiting = answer.num_waiting !== 0
    if (!this.isWaiting) this.mayBeImpatient = false
    return answer
  }

  private readonly shown = (answer: Config): Config => determined(answer, this.passesOver(answer.config))

  private passesOver(config: unknown = this.config): boolean {
    return this.hasGaps || this.retention !== 'limits' || isFiltered((config ?? {}) as Config)
  }

  private async publish(): Promise<void> {
    const { dice, session, stream } = this
    const subject = `${stream}.${dice.pick(['a', 'a', 'b'])}`
    const head = dice.chance(0.15) ? 'Key: value' : ''
    await session.request(subject, `${++this.published} ${'x'.repeat(dice.below(60))}`, head)
  }

  private request(): Config {
    const { dice } = this
    const group = this.config.priority_groups !== undefined && dice.chance(0.9)
    return {
      batch: dice.pick([1, 1, 2, 2, 3, 4, 0]),
      ...dice.some({ no_wait: () => true, max_bytes: () => dice.pick([50, 90, 150, 300, 1000]) }, 0.35),
      ...(group ? { group: 'g' } : {}),
      ...dice.some(
        {
          min_pending: () => dice.pick([1, 2, 3]),
          min_ack_pending: () => dice.pick([1, 2]),
          priority: () => dice.pick([0, 1, 5]),
        },
        group ? 0.3 : 0.01,
      ),
    }
  }

  private async pull(): Promise<void> {
    const { dice, session, stream } = this
    const kind = dice.weighted<'short' | 'long' | 'long with heartbeats' | 'endless' | 'bare'>([
      [3, 'short'],
      [4, 'long'],
      [1, 'long with heartbeats'],
      [4, 'endless'],
      [0.4, 'bare'],
    ])
    // Heartbeats tell how far the consumer has looked.
    const short = this.passesOver() ? SHORT[0] : dice.pick(SHORT)
    const ends = {
      short: short.fields,
      long: { expires: LONG_NS },
      'long with heartbeats': { expires: LONG_NS, idle_heartbeat: LONG_NS / 3 },
      endless: {},
      bare: {},
    }
    const body = kind === 'bare' ? dice.pick(['', '2', '0']) : { ...this.request(), ...ends[kind] }
    if (typeof body !== 'string' && 'no_wait' in body) this.mayBeImpatient = true
    const inbox = `I.${stream}.${++this.pulls}`
    this.waiting.push(await session.subscribe(inbox))
    if (dice.chance(0.05)) {
      await this.askWithAck(inbox, body)
    } else await session.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${CONSUMER}`, body, '', inbox)
    if (kind === 'short') await session.wait(short.waitMs)
    session.note(`pull ${this.pulls} ${JSON.stringify(body)}`, null)
  }

  /** Acknowledges and asks for more in one. */
  private async askWithAck(inbox: string, body: unknown): Promise<void> {
    const message = this.delivered.pop()
    if (message?.reply === undefined) return
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    await this.session.publish(message.reply, `+NXT ${text}`, '', inbox)
  }

  private async acknowledge(): Promise<void> {
    const { dice, session } = this
    if (this.delivered.length === 0) return
    const at = Math.max(0, this.delivered.length - 1 - dice.below(3))
    const [message] = this.delivered.splice(at, 1)
    const kind = dice.pick([
      '+ACK',
      '+ACK',
      '+ACK',
      '+ACK',
      '-NAK',
      '-NAK',
      `-NAK {"delay": ${LONG_NS}}`,
      '-NAK {"delay": 200000000}',
      '+TERM',
      '+WPI',
    ])
    await session.ack(message, kind, true)
    if (kind.includes('200000000')) await session.wait(700)
  }

  /** Nobody listens any more to the answers of a request. */
  private async leave(): Promise<void> {
    if (this.waiting.length === 0) return
    const at = Math.max(0, this.waiting.length - 1 - this.dice.below(3))
    const [sid] = this.waiting.splice(at, 1)
    await this.session.unsubscribe(sid)
    // nats-server looks for those who have left once a second only, or when it tells about the consumer.
    await this.info()
  }

  private async create(): Promise<void> {
    const { dice } = this
    const priority = dice.weighted<Config>([
      [8, {}],
      [1, { priority_policy: 'overflow', priority_groups: ['g'] }],
      [1, { priority_policy: 'prioritized', priority_groups: ['g'] }],
    ])
    await this.send('', {
      durable_name: CONSUMER,
      name: CONSUMER,
      ack_policy: 'explicit',
      deliver_policy: 'all',
      ack_wait: LONG_NS,
      ...priority,
      ...dice.some({ max_ack_pending: () => dice.pick([1, 2, 3]) }, 0.4),
      ...dice.some({ max_waiting: () => dice.pick([1, 2, 3]) }, 0.25),
      ...dice.some(
        {
          max_batch: () => 2,
          max_bytes: () => 200,
          max_expires: () => LONG_NS / 2,
          max_deliver: () => dice.pick([1, 2]),
          headers_only: () => true,
          filter_subject: () => `${this.stream}.a`,
          pause_until: () => FAR,
        },
        0.1,
      ),
    })
  }

  private async send(action: string, config: Config): Promise<void> {
    const { session, stream } = this
    const request = { stream_name: stream, config, ...(action === '' ? {} : { action }) }
    const answer = await session.api(`CONSUMER.CREATE.${stream}.${CONSUMER}`, request, '', this.shown)
    if (answer.error === undefined) this.config = answer.config as Config
  }

  private async update(): Promise<void> {
    const { dice } = this
    const config = { ...this.config }
    const set = (field: string, value: unknown) => () => {
      if (value === undefined) delete config[field]
      else config[field] = value
    }
    dice.pick([
      set('max_ack_pending', dice.pick([1, 2, 3, 1000])),
      set('max_ack_pending', dice.pick([1, 2, 3, -1])),
      set('max_batch', dice.pick([2, undefined])),
      set('max_bytes', dice.pick([200, undefined])),
      set('max_deliver', dice.pick([1, 2, 3, undefined])),
      // Without any nats-server does not wake it any more.
      set('filter_subject', `${this.stream}.${dice.pick(['a', 'b', '>'])}`),
      set('headers_only', dice.pick([true, undefined])),
    ])()
    // Nobody tells nats-server's consumer that there is something for it behind new filters.
    if (filtersOf(config) !== filtersOf(this.config)) {
      const { num_ack_pending: pending } = await this.info()
      if (this.isWaiting || (this.retention !== 'limits' && pending !== 0)) return
    }
    await this.send('update', config)
  }

  /** For good, not at all, or for a moment that is waited for: nobody tells who waits in nats-server that a pause was taken away. */
  private async pause(): Promise<void> {
    const { dice, session, stream } = this
    const pause = (body: Config) => session.api(`CONSUMER.PAUSE.${stream}.${CONSUMER}`, body)
    const kind = dice.pick(['for good', 'not at all', 'not at all', 'for a moment'])
    await this.info()
    if (kind === 'for good') await pause({ pause_until: FAR })
    else if (kind === 'not at all' && !this.isWaiting) await pause({})
    else {
      await pause({ pause_until: new Date(Date.now() + 400).toISOString() })
      await session.wait(1000)
    }
    this.keep(await session.settle('after the pause', true))
    const { config } = await this.info()
    if (config !== undefined) this.config = config as Config
  }

  private async remove(): Promise<void> {
    await this.session.api(`CONSUMER.DELETE.${this.stream}.${CONSUMER}`)
    this.keep(await this.session.settle('when it was deleted', true))
    await this.create()
  }
}
