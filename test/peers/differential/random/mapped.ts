/** A stream that maps, counts and publishes again, made by chance. */
import type { Session } from '../session.ts'
import { Dice } from './dice.ts'

const OPERATIONS = 30
const LEAVES = ['a', 'b-c', 'd.e', 'f.g.h', 'x1']
const MAPPINGS: [source: string, destination: string][] = [
  ['*', 'm.$1'],
  ['*.*', 'm.{{wildcard(2)}}.$1'],
  ['>', 'm.>'],
  ['*', 'm.{{partition(3,1)}}'],
  ['*', 'm.{{split(1,-)}}'],
  ['*', 'm.{{left(1,1)}}.{{right(1,1)}}'],
  ['*.>', 'm.$1.>'],
  ['a', 'one'],
  ['x1', 'one'],
  ['*', 'm.$2'],
  ['*', 'm.{{nothing(1)}}'],
]
const INCREMENTS = [
  '1',
  '+1',
  '-1',
  '5',
  '-7',
  '0',
  '123456789012345678901',
  '-99999999999999999999',
  'x',
  '',
]

/** What the names of a seed's stream begin with; its subjects too. */
export function mappedPrefixOf(seed: number): string {
  return `W${seed}_`
}

export class MappedScript {
  private readonly random: Dice
  private readonly session: Session
  private readonly name: string
  private readonly isCounter: boolean
  private batch = 0

  constructor(seed: number, session: Session) {
    this.random = new Dice(seed)
    this.session = session
    this.name = `${mappedPrefixOf(seed)}S`
    this.isCounter = this.random.chance(0.4)
  }

  async run(): Promise<void> {
    const { session, name } = this
    await session.subscribe(`${name}r.>`)
    await session.api(`STREAM.CREATE.${name}`, this.config())
    for (let i = 0; i < OPERATIONS; i++) await this.step()
    await session.api(`STREAM.INFO.${name}`, { subjects_filter: '>' })
    const messages = await session.messagesOf(name)
    session.note(
      'messages',
      messages.map(({ headers, payload }) => ({ headers, payload })),
    )
    await session.settle('published again', true)
  }

  private step(): Promise<unknown> {
    const { random, session, name } = this
    return random.weighted<() => Promise<unknown>>([
      [60, () => this.publish()],
      [6, () => this.publishBatch()],
      [6, () => session.api(`STREAM.UPDATE.${name}`, this.config())],
      [4, () => session.api(`STREAM.MSG.DELETE.${name}`, { seq: random.below(20) })],
      [4, () => this.purge()],
      [4, () => session.api(`STREAM.MSG.GET.${name}`, { last_by_subj: this.stored() }, '', dataOf)],
      [4, () => session.api(`STREAM.INFO.${name}`, { subjects_filter: '>' })],
    ])()
  }

  private config(): Record<string, unknown> {
    const { random, name } = this
    const mapping = (target: string): object => {
      const [source, destination] = random.pick(MAPPINGS)
      const isWhole = random.chance(0.2)
      return {
        src: isWhole ? '' : `${name}.${source}`,
        dest: `${name}${target}.${isWhole ? '>' : destination}`,
      }
    }
    return {
      name,
      subjects: [`${name}.>`],
      allow_direct: true,
      allow_msg_counter: random.chance(0.03) ? !this.isCounter : this.isCounter,
      ...random.some(
        {
          subject_transform: () => mapping('t'),
          republish: () => ({ ...mapping('r'), headers_only: random.chance(0.3) }),
        },
        0.6,
      ),
      ...random.some(
        {
          allow_atomic: () => true,
          allow_rollup_hdrs: () => true,
          max_msgs: () => random.pick([3, 10]),
          max_msgs_per_subject: () => random.pick([1, 2]),
          max_msg_size: () => random.pick([40, 60, 100]),
          max_bytes: () => 600,
          duplicate_window: () => 60e9,
        },
        0.3,
      ),
      ...(this.isCounter
        ? {}
        : random.some({ discard: () => 'new', discard_new_per_subject: () => true }, 0.1)),
    }
  }

  /** A subject that is published to. */
  private subject(): string {
    return `${this.name}.${this.random.pick(LEAVES)}`
  }

  /** One that messages may be stored under. */
  private stored(): string {
    const { random, name } = this
    return random.pick([this.subject(), `${name}t.m.a`, `${name}t.m.e.d`, `${name}t.one`, `${name}t.>`])
  }

  private headers(): string {
    const { random } = this
    const fields = {
      ...random.some({ 'Nats-Incr': () => random.pick(INCREMENTS) }, this.isCounter ? 0.93 : 0.05),
      ...random.some(
        {
          'Nats-Msg-Id': () => random.pick(['1', '2', '3']),
          'Nats-Expected-Last-Subject-Sequence': () => random.below(6),
          'Nats-Expected-Last-Subject-Sequence-Subject': () => this.stored(),
          'Nats-Rollup': () => random.pick(['sub', 'all']),
          'Nats-Counter-Sources': () => random.pick(['{}', '{"S":{"s":"5"}}', 'x']),
          Other: () => 'value',
        },
        0.06,
      ),
    }
    return Object.entries(fields)
      .map(([field, value]) => `${field}: ${value}`)
      .join('\n')
  }

  private body(): string {
    const isEmpty = this.random.chance(this.isCounter ? 0.95 : 0.1)
    return isEmpty ? '' : 'x'.repeat(1 + this.random.below(30))
  }

  private publish(): Promise<unknown> {
    return this.session.request(this.subject(), this.body(), this.headers())
  }

  private async publishBatch(): Promise<void> {
    const { random, session } = this
    const id = `batch${++this.batch}`
    const count = 1 + random.below(4)
    for (let i = 1; i <= count; i++) {
      const commit = i === count ? '\nNats-Batch-Commit: 1' : ''
      const headers = `Nats-Batch-Id: ${id}\nNats-Batch-Sequence: ${i}${commit}\n${this.headers()}`
      await session.request(this.subject(), this.body(), headers)
    }
  }

  private purge(): Promise<unknown> {
    const { random, session, name } = this
    const body = random.some({ filter: () => this.stored(), keep: () => random.below(3) }, 0.6)
    return session.api(`STREAM.PURGE.${name}`, body)
  }
}

/** A stored message without the time in its headers. */
function dataOf({ error, message }: Record<string, unknown>): unknown {
  const { subject, seq, hdrs, data } = (message ?? {}) as Record<string, string>
  return { error, subject, seq, data, hdrs: Buffer.from(hdrs ?? '', 'base64').toString() }
}
