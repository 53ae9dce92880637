/**
 * JetStream publishing on file: one at a time, many at a time, over many streams; against both nats-servers.
 */
import { publishSynchronously } from '../drive/sync-publishers.ts'
import type { ContenderName, Row, Target } from '../row.ts'
import { bareCommit } from './bare-commit.ts'
import { onServer, type Stage } from './on-server.ts'

const contenders = ['contrail', 'default', 'always'] as const
type Messages = Record<(typeof contenders)[number], number>

const stream = (stage: Stage) => `bench-${stage.turn}`
const remove = async (stage: Stage) => {
  await stage.admin.streams.delete(stream(stage))
}

/**
 * `nats bench` gives up when nothing is acknowledged for 200 ms, which 5,000 in flight take with an fsync
 * each, and may take with a server that has just started.
 */
function fewerInFlight(flags: string): string {
  return flags.replace('--batch 5000', '--batch 500')
}

/** `nats bench js pub`, a fresh stream each round. */
function publish(
  name: string,
  kind: 'sync' | 'async',
  flags: string,
  messages: Messages,
  targets: Target[],
  others: ContenderName[] = [],
): Row {
  const exception = fewerInFlight(flags) === flags ? '' : ' (sync always: 500, or the generator gives up)'
  return {
    name,
    how: `nats bench js pub ${kind} ${flags}${exception}, storage file, a fresh stream each round`,
    contenders: [...contenders, ...others],
    targets,
    open: (contest) =>
      contest.contender === 'commit'
        ? bareCommit(contest)
        : onServer(contest, {
            messages,
            sample: async (stage) => {
              const subject = stream(stage)
              await stage.admin.streams.add({ name: subject, subjects: [subject] })
              const few = stage.isWarmUp || stage.contender === 'always'
              const theirs = few ? fewerInFlight(flags) : flags
              const { rate, p50 } = await stage.bench.run(
                `js pub ${kind} ${subject} --stream ${subject} ${theirs} --msgs ${stage.messages}`,
              )
              return kind === 'async' ? { rate } : { rate, p50, perMessage: 1e6 / rate }
            },
            tidy: remove,
          }),
  }
}

const manyStreams: Row = {
  name: 'JetStream publish sync, 20 streams, 2 clients each, 128 B',
  how: '40 raw connections in one Node process, each waiting for its acknowledgement; the same driver for all',
  contenders,
  targets: [
    { measure: 'rate', against: 'default', atLeast: 0.75 },
    { measure: 'rate', against: 'always', atLeast: 2.5 },
  ],
  open: (contest) =>
    onServer(contest, {
      messages: { contrail: 60_000, default: 60_000, always: 16_000 },
      prepare: async ({ admin }) => {
        for (let i = 0; i < streamCount; i++)
          await admin.streams.add({ name: `many-${i}`, subjects: [`many.${i}`] })
      },
      sample: async ({ server, messages }) => {
        const subjects: string[] = []
        for (let i = 0; i < 2 * streamCount; i++) subjects.push(`many.${i % streamCount}`)
        return { rate: await publishSynchronously(server.port, subjects, 128, messages) }
      },
      tidy: async ({ admin }) => {
        for (let i = 0; i < streamCount; i++) await admin.streams.purge(`many-${i}`)
      },
    }),
}
const streamCount = 20

const commit: Row = {
  name: 'bare commit, 4 KiB',
  how: 'one O_DSYNC write at a time into a file laid out ahead, from Node; p50 of the blocking call',
  contenders: ['commit'],
  targets: [],
  open: bareCommit,
}

export const publishRows: Row[] = [
  commit,
  publish(
    'JetStream publish sync, 1 client, 128 B',
    'sync',
    '--size 128',
    { contrail: 10_000, default: 20_000, always: 3_000 },
    [
      { measure: 'rate', against: 'always', atLeast: 3 },
      { measure: 'perMessage', against: 'commit', atMost: 1.5 },
    ],
    ['commit'],
  ),
  publish(
    'JetStream publish sync, 50 clients, 128 B',
    'sync',
    '--clients 50 --size 128',
    { contrail: 100_000, default: 100_000, always: 15_000 },
    [
      { measure: 'rate', against: 'default', atLeast: 0.75 },
      { measure: 'rate', against: 'always', atLeast: 8 },
    ],
  ),
  manyStreams,
  publish(
    'JetStream publish async, 500 in flight, 128 B',
    'async',
    '--batch 500 --size 128',
    { contrail: 600_000, default: 600_000, always: 8_000 },
    [
      { measure: 'rate', against: 'default', atLeast: 1.2 },
      { measure: 'cpu', against: 'default', atMost: 0.7 },
      { measure: 'rate', against: 'always', atLeast: 25 },
    ],
  ),
  publish(
    'JetStream publish async, 5,000 in flight, 128 B',
    'async',
    '--batch 5000 --size 128',
    { contrail: 800_000, default: 800_000, always: 10_000 },
    [
      { measure: 'rate', against: 'default', atLeast: 1.5 },
      { measure: 'cpu', against: 'default', atMost: 0.7 },
      { measure: 'rate', against: 'always', atLeast: 25 },
    ],
  ),
  publish(
    'JetStream publish async, 500 in flight, 1 KiB',
    'async',
    '--batch 500 --size 1024',
    { contrail: 300_000, default: 300_000, always: 8_000 },
    [
      { measure: 'rate', against: 'default', atLeast: 1 },
      { measure: 'rate', against: 'always', atLeast: 25 },
    ],
  ),
]
