/** Updates of consumers, pull and push, while messages are pending, redelivered and removed: the same for the same seed. */
import type { Delivery, Session } from '../session.ts'
import { determined, filtersOf, isFiltered } from './consumer-state.ts'
import { Dice } from './dice.ts'

const STEPS = 30
const NAMES = ['c1', 'c2', 'c3']
/** Nothing is to depend on how fast the two are: waits are never over, or over for long. */
const LONG_NS = 60e9
const SHORT_NS = 200e6
/** When a pause is over that is waited for. */
const SOON_MS = 400
const FAR = '2100-01-01T00:00:00Z'
const PAST = '2020-01-01T00:00:00Z'

type Config = Record<string, unknown>

interface Known {
  config: Config
  /** Of the subscription to the deliver subject, '' without. */
  sid: string
  /** Messages may have been given up after some deliveries. */
  givesUp: boolean
}

export function prefixOf(seed: number): string {
  return `U${seed}x`
}

function givesUp({ max_deliver: most }: Config): boolean {
  return typeof most === 'number' && most > 0 && most < 10
}

export class ConsumerUpdates {
  private readonly dice: Dice
  private readonly session: Session
  private readonly stream: string
  private readonly retention: string
  private readonly consumers = new Map<string, Known>()
  private readonly delivered: Delivery[] = []
  /**
   * Messages are removed while they are pending. With ack policy all nats-server takes that for an ack of all before them, so
   * there is none then.
   */
  private readonly removes: boolean
  /** Limits remove messages: then nothing is pushed, or it would be luck whether what frees a place is counted already. */
  private readonly isLimited: boolean
  private published = 0
  private pulls = 0

  constructor(seed: number, session: Session) {
    this.dice = new Dice(seed)
    this.session = session
    this.stream = `${prefixOf(seed)}S`
    this.retention = this.dice.pick(['limits', 'workqueue', 'interest'])
    this.removes = this.dice.chance(0.6)
    this.isLimited = this.removes && this.dice.chance(0.4)
  }

  async run(): Promise<void> {
    const { dice, session, stream } = this
    await session.api(`STREAM.CREATE.${stream}`, {
      name: stream,
      subjects: [`${stream}.*`],
      retention: this.retention,
      storage: dice.pick(['file', 'memory']),
      ...dice.some(
        {
          max_msgs_per_subject: () => (this.isLimited ? dice.pick([1, 3]) : -1),
          max_msgs: () => (this.isLimited ? dice.pick([4, 8]) : -1),
          consumer_limits: () => ({ max_ack_pending: 3 }),
        },
        this.isLimited ? 0.5 : 0.1,
      ),
    })
    await this.create(dice.pick(NAMES))
    await this.publish()
    await this.settle()
    for (let i = 0; i < STEPS; i++) {
      await this.step()
      if (dice.chance(0.4)) await this.info(dice.pick(NAMES))
    }
    await session.api(`STREAM.INFO.${stream}`, { subjects_filter: '>', deleted_details: true })
    for (const name of NAMES) await this.info(name)
  }

  private async step(): Promise<void> {
    const { dice } = this
    const name = dice.pick([...this.consumers.keys(), ...NAMES.slice(0, 1)])
    const step = dice.weighted<() => Promise<unknown>>([
      [20, () => this.publish()],
      [22, () => this.pull(name)],
      [20, () => this.acknowledge()],
      [22, () => this.update(name)],
      [5, () => this.create(dice.pick(NAMES))],
      [5, () => this.expire(name)],
      [1, () => this.becomeInactive(name)],
      [3, () => this.listen(name)],
      [this.removes ? 3 : 0, () => this.purge()],
      [this.removes ? 3 : 0, () => this.deleteMessage()],
      [2, () => this.pause(name)],
      [1, () => this.remove(name)],
    ])
    await step()
    await this.settle()
  }

  /** Messages come to listeners on their own, and are there to be acknowledged. */
  private async settle(): Promise<void> {
    this.keep(await this.session.settle())
  }

  private keep(found: readonly Delivery[]): void {
    for (const each of found) if (each.reply?.startsWith('$JS.ACK.')) this.delivered.push(each)
  }

  private info(name: string): Promise<Config> {
    return this.session.api(`CONSUMER.INFO.${this.stream}.${name}`, '', '', this.shown)
  }

  private readonly shown = (answer: Config): Config => {
    const { config } = answer as { config?: Config }
    const passesOver = this.removes || this.retention !== 'limits' || isFiltered(config ?? {})
    return determined(answer, passesOver)
  }

  private subject(): string {
    return `${this.stream}.${this.dice.pick(['a', 'a', 'b', 'b', 'c'])}`
  }

  private async publish(): Promise<void> {
    const { dice } = this
    const most = [...this.consumers.values()].some(({ sid }) => sid !== '') ? 1 : 4
    for (let left = 1 + dice.below(most); left > 0; left--) {
      const head = dice.chance(0.2) ? 'Key: value' : ''
      await this.session.request(this.subject(), `${++this.published} ${'x'.repeat(dice.below(30))}`, head)
    }
  }

  private async pull(name: string): Promise<void> {
    const { dice } = this
    const request = {
      batch: 1 + dice.below(3),
      no_wait: true,
      ...dice.some({ max_bytes: () => dice.pick([80, 200]) }, 0.1),
    }
    await this.ask(name, request)
  }

  /** Whatever comes to the request within a moment; then nobody listens for more. */
  private async ask(name: string, request: Config): Promise<void> {
    const { session } = this
    const inbox = `I.${this.stream}.${++this.pulls}`
    const sid = await session.subscribe(inbox)
    await session.publish(`$JS.API.CONSUMER.MSG.NEXT.${this.stream}.${name}`, request, '', inbox)
    this.keep(await session.settle(`pull ${name} ${JSON.stringify(request)}`))
    await session.unsubscribe(sid)
  }

  private async acknowledge(): Promise<void> {
    const { dice, session } = this
    if (this.delivered.length === 0) return
    // Mostly one of the newest, which is most likely still pending.
    const at = Math.max(0, this.delivered.length - 1 - dice.below(4))
    const message = this.delivered[at]
    if (dice.chance(0.7)) this.delivered.splice(at, 1)
    const kind = dice.pick([
      '+ACK',
      '+ACK',
      '+ACK',
      '-NAK',
      '-NAK',
      '-NAK',
      `-NAK {"delay": ${LONG_NS}}`,
      `-NAK {"delay": ${2 * LONG_NS}}`,
      `-NAK {"delay": ${SHORT_NS}}`,
      '+TERM',
      '+WPI',
    ])
    await session.ack(message, kind, true)
    if (kind.includes(`${SHORT_NS}`)) await session.wait(700)
  }

  /** Once there is a filter there always is one: nats-server does not wake a consumer any more whose filters were all taken away. */
  private filters(name: string, mayBeNone: boolean): Config {
    const { dice, stream } = this
    const own = { c1: 'a', c2: 'b', c3: 'c' }[name] ?? 'a'
    // Consumers of a work queue may not want the same.
    if (this.retention === 'workqueue' && dice.chance(0.8)) return { filter_subject: `${stream}.${own}` }
    return dice.pick<() => Config>([
      () => (mayBeNone ? {} : { filter_subject: `${stream}.>` }),
      () => ({ filter_subject: `${stream}.${dice.pick(['a', 'b', 'c', '*', '>'])}` }),
      () => ({ filter_subject: `${stream}.${dice.pick(['a', 'b', 'c'])}` }),
      () => ({ filter_subjects: [this.subject(), this.subject()] }),
      () => ({ filter_subjects: [`${stream}.a`, `${stream}.b`] }),
      () => ({ filter_subjects: [`${stream}.b`, `${stream}.c`] }),
      () => ({ filter_subject: 'elsewhere' }),
    ])()
  }

  private async create(name: string): Promise<void> {
    if (this.consumers.has(name)) return this.update(name)
    const { dice, stream } = this
    const isQueue = this.retention === 'workqueue'
    const isPush = !this.isLimited && dice.chance(0.35)
    const isDurable = dice.chance(0.8)
    const ack = isQueue
      ? 'explicit'
      : dice.pick(['explicit', 'explicit', 'explicit', this.removes ? 'explicit' : 'all', 'none'])
    await this.send(name, '', {
      ...(isDurable ? { durable_name: name } : { inactive_threshold: LONG_NS }),
      name,
      ack_policy: ack,
      // last_per_subject counts otherwise in nats-server once the filters have changed.
      deliver_policy: isQueue ? 'all' : dice.pick(['all', 'all', 'all', 'new', 'last']),
      ...(ack === 'none' ? {} : { ack_wait: LONG_NS }),
      ...(isPush ? { deliver_subject: `D.${stream}.${name}` } : {}),
      ...this.filters(name, true),
      ...dice.some(
        {
          max_ack_pending: () => dice.pick([1, 2, 3]),
          max_deliver: () => this.deliveries(ack),
          mem_storage: () => true,
          headers_only: () => true,
          pause_until: () => FAR,
        },
        0.12,
      ),
    })
  }

  /** Asks for a configuration, and listens to where a new consumer delivers. */
  private async send(name: string, action: string, config: Config): Promise<boolean> {
    const { session, stream } = this
    const request = { stream_name: stream, config, ...(action === '' ? {} : { action }) }
    const answer = await session.api(`CONSUMER.CREATE.${stream}.${name}`, request, '', this.shown)
    // What nobody wants any more goes behind the answer.
    if (this.retention === 'interest') await session.wait(250)
    if (answer.error !== undefined) return false
    const known = this.consumers.get(name)
    const current = answer.config as Config
    if (known === undefined) {
      this.consumers.set(name, { config: current, sid: '', givesUp: givesUp(current) })
      if (current.deliver_subject !== undefined && this.dice.chance(0.8)) await this.listen(name)
    } else {
      const before = known.config.deliver_subject
      known.config = current
      known.givesUp ||= givesUp(current)
      if (known.sid !== '' && before !== current.deliver_subject) {
        await this.deafen(known)
        await this.listen(name)
      }
    }
    return true
  }

  private async update(name: string): Promise<void> {
    const known = this.consumers.get(name)
    if (known === undefined) return
    const { dice } = this
    const config = { ...known.config }
    for (let left = dice.pick([1, 1, 2, 3]); left > 0; left--) this.change(name, config)
    const hasOtherFilters = filtersOf(config) !== filtersOf(known.config)
    // What is pending while its consumer turns to other subjects: with interest retention nats-server counts it as pending after it
    // was dropped, in a work queue its ack does not remove it when another consumer would take it.
    const mayGo = this.removes || this.retention !== 'limits'
    if (hasOtherFilters && mayGo && (await this.info(name)).num_ack_pending !== 0) return
    // nats-server goes on counting what was given up and is removed then as redelivered; and with ack policy all it keeps what nobody
    // wants any more.
    const isKept = known.givesUp || config.ack_policy === 'all'
    if (hasOtherFilters && this.retention === 'interest' && isKept) return
    // Nobody tells nats-server's consumer that there is something for it behind new filters: who begins to listen does.
    const isListening = hasOtherFilters && known.sid !== ''
    if (isListening) await this.deafen(known)
    await this.send(name, dice.pick(['update', 'update', 'update', '', 'create']), config)
    if (isListening) await this.listen(name)
    const { pause_until: until } = config
    if (until !== undefined && until !== FAR && until !== PAST) await this.session.wait(2 * SOON_MS)
  }

  private change(name: string, config: Config): void {
    const { dice, stream } = this
    const isPush = config.deliver_subject !== undefined
    const set = (field: string, value: unknown) => () => {
      if (value === undefined) delete config[field]
      else config[field] = value
    }
    const change = dice.weighted<() => void>([
      [
        8,
        () => {
          const mayBeNone = !isFiltered(config)
          delete config.filter_subject
          delete config.filter_subjects
          Object.assign(config, this.filters(name, mayBeNone))
        },
      ],
      [5, set('max_deliver', this.deliveries(config.ack_policy))],
      [3, set('ack_wait', dice.pick([LONG_NS, 2 * LONG_NS]))],
      [6, set('max_ack_pending', dice.pick([-1, 1, 2, 3, 1000]))],
      [2, set('inactive_threshold', dice.pick([LONG_NS, 2 * LONG_NS]))],
      [2, set('backoff', dice.pick([[LONG_NS], [LONG_NS, 2 * LONG_NS], undefined]))],
      [2, set('headers_only', dice.pick([true, undefined]))],
      [2, set('max_batch', dice.pick([1, 2, undefined]))],
      [2, set('max_bytes', dice.pick([100, 300, undefined]))],
      [1, set('max_expires', dice.pick([LONG_NS, undefined]))],
      [1, set('max_waiting', dice.pick([1, 512]))],
      [3, set('pause_until', this.end(config))],
      [2, set('metadata', dice.pick([{ owner: 'a' }, { owner: 'b' }, undefined]))],
      [1, set('description', dice.pick(['made by chance', undefined]))],
      [1, set('sample_freq', dice.pick(['100', undefined]))],
      [1, set('num_replicas', dice.pick([0, 1, 3]))],
      [isPush ? 3 : 0.3, set('deliver_subject', dice.pick([`D.${stream}.${name}`, `E.${stream}.${name}`]))],
      [isPush ? 1 : 0.1, set('rate_limit_bps', dice.pick([1e9, undefined]))],
      // These may never change.
      [0.3, set('mem_storage', dice.pick([true, undefined]))],
      [0.3, set('ack_policy', dice.pick(['explicit', 'all', 'none']))],
      [0.3, set('deliver_policy', dice.pick(['all', 'new', 'last']))],
      [0.3, set('opt_start_seq', 2)],
      [0.3, set('replay_policy', dice.pick(['original', 'instant']))],
    ])
    change()
  }

  /**
   * Where nothing is removed messages are given up: nats-server's ack floor forgets those when others are deleted. With ack policy
   * all it does not hear the ack of one that was given up, nor of those before it.
   */
  private deliveries(ack: unknown): number {
    return this.removes || ack === 'all' ? this.dice.pick([-1, 20, 30]) : this.dice.pick([-1, 1, 2, 3, 5])
  }

  /** Everything pending runs out of its ack wait, all at once, while nobody listens; or one who pulls waits for it. */
  private async expire(name: string): Promise<void> {
    const known = this.consumers.get(name)
    if (known === undefined || known.config.ack_policy === 'none') return
    const { dice, session } = this
    const isListening = known.sid !== ''
    await this.deafen(known)
    // The newest delivery is older than the wait too.
    await session.wait(300)
    const { backoff: _, ...plain } = known.config
    const short = dice.pick<Config>([
      { ...plain, ack_wait: SHORT_NS },
      { ...plain, ack_wait: SHORT_NS },
      { ...plain, backoff: [SHORT_NS, LONG_NS] },
      { ...plain, backoff: [LONG_NS, SHORT_NS] },
    ])
    const isPulled = known.config.deliver_subject === undefined && dice.chance(0.3)
    if (await this.send(name, 'update', short)) {
      if (isPulled) await this.ask(name, { batch: 1, expires: LONG_NS })
      await session.wait(900)
      await this.info(name)
      await this.send(name, 'update', { ...plain, ack_wait: LONG_NS })
      await session.wait(250)
    }
    if (isListening) await this.listen(name)
  }

  /** Nobody uses the consumer for longer than it may be idle. */
  private async becomeInactive(name: string): Promise<void> {
    const known = this.consumers.get(name)
    if (known === undefined) return
    const { inactive_threshold: before, ...plain } = known.config
    if (!(await this.send(name, 'update', { ...plain, inactive_threshold: SHORT_NS }))) return
    await this.session.wait(2000)
    const { error } = await this.info(name)
    if (error !== undefined) await this.forget(name)
    else
      await this.send(name, 'update', before === undefined ? plain : { ...plain, inactive_threshold: before })
  }

  /** Somebody begins to listen to where a push consumer delivers, or ceases to. */
  private async listen(name: string): Promise<void> {
    const known = this.consumers.get(name)
    const subject = known?.config.deliver_subject
    if (known === undefined || typeof subject !== 'string') return
    if (known.sid !== '') await this.deafen(known)
    else known.sid = await this.session.subscribe(subject)
  }

  private async deafen(known: Known): Promise<void> {
    if (known.sid === '') return
    await this.settle()
    await this.session.unsubscribe(known.sid)
    known.sid = ''
  }

  /**
   * Until when to pause. Where messages are pushed nobody tells nats-server's consumer that its pause was taken away, only that
   * it is over.
   */
  private end(config: Config): string | undefined {
    const isPush = config.deliver_subject !== undefined
    if (isPush && config.pause_until === FAR) return new Date(Date.now() + SOON_MS).toISOString()
    return this.dice.pick([FAR, PAST, undefined])
  }

  private async pause(name: string): Promise<void> {
    const { session, stream } = this
    const known = this.consumers.get(name)
    const until = this.end(known?.config ?? {})
    await session.api(`CONSUMER.PAUSE.${stream}.${name}`, until === undefined ? {} : { pause_until: until })
    if (known === undefined) return
    if (until !== undefined && until !== FAR && until !== PAST) await session.wait(2 * SOON_MS)
    const { config } = await this.info(name)
    if (config !== undefined) known.config = config as Config
  }

  private async remove(name: string): Promise<void> {
    await this.session.api(`CONSUMER.DELETE.${this.stream}.${name}`)
    await this.forget(name)
  }

  private async forget(name: string): Promise<void> {
    const known = this.consumers.get(name)
    if (known !== undefined) await this.deafen(known)
    this.consumers.delete(name)
  }

  /** Of everything: where nats-server's ack floor comes to lie after a purge of a part is not to be foreseen. */
  private purge(): Promise<unknown> {
    return this.session.api(`STREAM.PURGE.${this.stream}`)
  }

  private deleteMessage(): Promise<unknown> {
    const body = { seq: 1 + this.dice.below(Math.max(1, this.published)) }
    return this.session.api(`STREAM.MSG.DELETE.${this.stream}`, body)
  }
}
