/** A script about mirrors and sources: an origin, what copies it in any way, and what happens to either while nothing is on its way. */
import { messages } from '../copying.ts'
import type { Session } from '../session.ts'
import { Dice } from './dice.ts'

const ROUNDS = 3
const LOOK_EVERY_MS = 80
/** Nothing has changed for so many looks: it is at rest. */
const CALM = 4
/** The same where something is said to be on its way: nats-server has a lag at times that nothing follows from. */
const CALM_AFTER_ALL = 30
const MOST_LOOKS = 250

export function prefixOf(seed: number): string {
  return `CP${seed}_`
}

interface Info {
  state?: { last_seq: number; messages: number }
  mirror?: Following
  sources?: Following[]
}

interface Following {
  active: number
  lag: number
  error?: unknown
}

export class CopyScript {
  private readonly s: Session
  private readonly dice: Dice
  private readonly prefix: string
  private readonly copies: string[] = []
  private sent = 0
  private ids = 0

  constructor(seed: number, session: Session) {
    this.s = session
    this.dice = new Dice(seed)
    this.prefix = prefixOf(seed)
  }

  async run(): Promise<void> {
    await this.makeOrigin()
    await this.publish(this.dice.below(15))
    if (this.dice.chance(0.5)) await this.remove('O')
    const count = 1 + this.dice.below(3)
    for (let i = 0; i < count; i++) await this.makeCopy(i)
    await this.rest(true)
    for (let round = 0; round < ROUNDS; round++) {
      await this.publish(1 + this.dice.below(8))
      await this.rest()
      await this.change()
      await this.rest()
    }
    await this.publish(1)
    await this.rest()
    for (const name of ['O', ...this.copies]) await this.show(name)
  }

  private name(name: string): string {
    return `${this.prefix}${name}`
  }

  private async makeOrigin(): Promise<void> {
    const { dice } = this
    const config = {
      name: this.name('O'),
      subjects: [`${this.prefix}.*`],
      ...dice.some(
        {
          storage: () => 'memory',
          first_seq: () => 1 + dice.below(50),
          allow_msg_ttl: () => true,
          duplicate_window: () => 30e9,
        },
        0.3,
      ),
    }
    await this.s.quietly(`$JS.API.STREAM.CREATE.${config.name}`, config)
  }

  private async makeCopy(at: number): Promise<void> {
    const { dice, prefix } = this
    const isMirror = dice.chance(0.5)
    const filter = dice.pick([`${prefix}.a`, `${prefix}.*`, `${prefix}.c`])
    const source: Record<string, unknown> = { name: this.name('O') }
    const kind = dice.below(4)
    if (kind === 1) source.filter_subject = filter
    if (kind === 2)
      source.subject_transforms = [{ src: `${prefix}.*`, dest: `${prefix}x${at}.$1.{{partition(3,1)}}` }]
    if (kind === 3) {
      source.subject_transforms = [
        { src: `${prefix}.a`, dest: `${prefix}x${at}.a` },
        { src: `${prefix}.b`, dest: '' },
      ]
    }
    if (dice.chance(0.3)) source.opt_start_seq = 1 + dice.below(12)
    const name = this.name(`${isMirror ? 'M' : 'S'}${at}`)
    const config = {
      name,
      ...(isMirror ? { mirror: source } : { sources: [source] }),
      allow_direct: true,
      ...dice.some(
        {
          storage: () => 'memory',
          max_msgs: () => 3 + dice.below(10),
          max_msgs_per_subject: () => 1 + dice.below(3),
          allow_rollup_hdrs: () => true,
          ...(isMirror ? {} : { subjects: () => [`${prefix}own${at}`], duplicate_window: () => 30e9 }),
        },
        0.25,
      ),
    }
    this.copies.push(name.slice(prefix.length))
    await this.s.quietly(`$JS.API.STREAM.CREATE.${name}`, config)
  }

  private async publish(count: number): Promise<void> {
    const { dice, prefix } = this
    for (let i = 0; i < count; i++) {
      const headers = dice.weighted<() => string>([
        [6, () => ''],
        [1, () => 'A: b'],
        [1, () => `Nats-Msg-Id: ${dice.chance(0.3) ? this.ids : ++this.ids}`],
        [1, () => 'Nats-Expected-Stream: x'],
        [1, () => `Nats-Expected-Stream: ${this.name('O')}\nC: d`],
        [1, () => 'Nats-TTL: 1000'],
      ])()
      await this.s.quietly(`${prefix}.${dice.pick(['a', 'b', 'c'])}`, `m${++this.sent}`, headers)
    }
  }

  /** Something goes, in the origin or in a copy, or a copy gets something of its own. */
  private async change(): Promise<void> {
    const { dice } = this
    const name = dice.pick(['O', ...this.copies])
    const full = this.name(name)
    const what = dice.below(4)
    if (what === 0) await this.remove(name)
    else if (what === 1)
      await this.s.quietly(`$JS.API.STREAM.PURGE.${full}`, dice.chance(0.5) ? '' : { keep: dice.below(4) })
    else if (what === 2) await this.s.quietly(`${this.prefix}own${name.slice(1)}`, `own ${++this.sent}`)
    else await this.s.quietly(`$JS.API.STREAM.PURGE.${full}`, { filter: `${this.prefix}.a` })
  }

  private async remove(name: string): Promise<void> {
    for (let i = 1 + this.dice.below(4); i > 0; i--) {
      await this.s.quietly(`$JS.API.STREAM.MSG.DELETE.${this.name(name)}`, { seq: 1 + this.dice.below(20) })
    }
  }

  /** Waits until all is copied. */
  private async rest(isFirst = false): Promise<void> {
    let before = ''
    let calm = 0
    let enough = CALM
    for (let looks = 0; calm < enough && looks < MOST_LOOKS; looks++) {
      const infos: Info[] = []
      for (const name of this.copies) {
        infos.push((await this.s.quietly(`$JS.API.STREAM.INFO.${this.name(name)}`)).body as Info)
      }
      const followed = infos.flatMap(({ mirror, sources }) => [
        ...(sources ?? []),
        ...(mirror ? [mirror] : []),
      ])
      const isBusy = followed.some(({ active, lag, error }) => active === -1 || lag > 0 || (isFirst && error))
      const now = JSON.stringify(infos.map(({ state }) => state))
      enough = isBusy ? CALM_AFTER_ALL : CALM
      calm = now === before ? calm + 1 : 0
      before = now
      await this.s.wait(LOOK_EVERY_MS)
    }
  }

  private async show(name: string): Promise<void> {
    const full = this.name(name)
    // How far a source has come is kept of what was stored only, there; and an empty stream in memory has a sequence 0 deleted, there.
    const shown = ({ sources: _, mirror: __, state, ...rest }: Record<string, unknown>): unknown => {
      const { deleted: ___, num_deleted: ____, ...counts } = state as Record<string, unknown>
      return { ...rest, state: counts.messages === 0 ? counts : state }
    }
    await this.s.api(`STREAM.INFO.${full}`, { deleted_details: true }, '', shown)
    if (name !== 'O') await messages(this.s, full)
  }
}
