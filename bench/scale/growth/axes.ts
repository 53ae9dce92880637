/** The axes along which the basic operations are watched, a row for each size. */
import type { Sample } from '../../row.ts'
import { sleep } from '../../servers/server-process.ts'
import { createConsumers } from '../load/api.ts'
import type { Stage } from '../load/stage.ts'
import { createStreams } from '../load/streams.ts'
import type { Load, ScaleRow } from '../row.ts'
import { openConnections } from './connections.ts'
import { Ground, type GroundSize, log } from './ground.ts'
import { operations } from './operations.ts'

export interface Axis {
  readonly name: string
  readonly how: string
  readonly sizes: readonly number[]
  /** Made ready for a size. */
  load(size: number): Load
}

const restMs = 500
const fewest = 10_000
const usual: GroundSize = { messages: fewest, subjects: 1000 }
const tenMillion = 10_000_000

/** An axis whose sizes are laid out beside the usual log and bucket, or are theirs. */
function basic(
  name: string,
  how: string,
  sizes: readonly number[],
  groundOf: (size: number) => GroundSize,
  more: (stage: Stage, size: number) => Promise<void> = async () => {},
): Axis {
  const load = (planned: number) => async (stage: Stage) => {
    const size = stage.count(planned)
    const { messages, subjects } = groundOf(planned)
    const ground = await Ground.lay(stage, {
      messages: stage.count(messages),
      subjects: powerOfTen(stage, subjects),
    })
    await more(stage, size)
    await sleep(restMs)
    const resident = stage.residentMiB()
    return async () => {
      const sample: Sample = { resident }
      for (const [operation, run] of entries(operations)) sample[operation] = await run(ground)
      return sample
    }
  }
  return { name, how, sizes, load }
}

function entries<Key extends string, Value>(table: Record<Key, Value>): [Key, Value][] {
  return Object.entries(table) as [Key, Value][]
}

/** The subjects of a try stay a power of ten, as their order needs. */
function powerOfTen(stage: Stage, subjects: number): number {
  return 10 ** Math.floor(Math.log10(stage.count(subjects)))
}

export const basicAxes: readonly Axis[] = [
  basic(
    'messages',
    'a log and a bucket of so many messages each on 1,000 subjects',
    [fewest, 100_000, 1_000_000, tenMillion],
    (messages) => ({
      messages,
      subjects: 1000,
    }),
  ),
  basic(
    'subjects',
    'a log and a bucket with so many subjects, and 10,000 messages or one a subject',
    [1, 10, 100, 1000, 10_000, 100_000, 1_000_000],
    (subjects) => ({ subjects, messages: Math.max(fewest, subjects) }),
  ),
  basic(
    'consumers',
    'so many idle pull consumers on the log, each with a filter of one of its 10,000 subjects',
    [1, 10, 100, 1000, 10_000],
    () => ({ messages: fewest, subjects: fewest }),
    (stage, size) =>
      createConsumers(stage.wire, log, size, (i) => ({ filter_subject: `log.${i % 10}.${i}` })),
  ),
  basic(
    'streams',
    'so many other streams',
    [1, 10, 100, 1000, 10_000],
    () => usual,
    async (stage, size) => {
      await createStreams(stage.wire, 0, size)
    },
  ),
  basic(
    'connections',
    'so many other connections, each with a subscription',
    [1, 10, 100, 1000, 10_000],
    () => usual,
    async (stage, size) => {
      await openConnections(stage, size)
    },
  ),
]

export function growthRows(axes: readonly Axis[]): ScaleRow[] {
  return axes.flatMap(({ name, how, sizes, load }) =>
    sizes.map((size) => ({
      name: `growth: ${name}, ${size.toLocaleString('en-US')}`,
      how,
      isLong: true,
      flag: size === tenMillion ? 'tenMillion' : undefined,
      growth: { axis: name, size },
      load: load(size),
    })),
  )
}
