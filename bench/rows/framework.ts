/** What an app costs, and what it gains, beside the plain client and a job queue. Each figure comes from a process of its own. */
import { runChild } from '../drive/child.ts'
import { settleDisk } from '../drive/settle.ts'
import type { ContenderName, Contest, Row, Runner, Target } from '../row.ts'
import { Place } from '../servers/contender.ts'
import { RedisServer } from '../servers/redis.ts'

const script = 'framework.js'

/** Which way of bench/drive/framework.ts each contender goes; those with `onServer` share a nats-server. */
type Ways = Partial<
  Record<ContenderName, { way: string; on?: 'nats-server' | 'redis-server'; messages: number }>
>

async function open(contest: Contest, ways: Ways): Promise<Runner> {
  const { way, on, messages } = ways[contest.contender] as NonNullable<Ways[ContenderName]>
  const count = String(contest.count(messages))
  const run = async (args: string[]) => {
    settleDisk()
    return { rate: await runChild(contest, args, script) }
  }
  if (on === undefined) return { sample: () => run([way, count]), close: async () => {} }
  if (on === 'redis-server') {
    const redis = await RedisServer.start()
    return { sample: () => run([way, count, redis.address]), close: () => redis.stop() }
  }
  const place = new Place({ ...contest, contender: 'default' })
  const server = await place.start()
  return {
    sample: () => run([way, count, server.url]),
    close: async () => {
      await server.stop()
      place.remove()
    },
  }
}

function row(name: string, how: string, targets: Target[], ways: Ways): Row {
  const contenders = Object.keys(ways) as ContenderName[]
  return { name, how, contenders, targets, open: (contest) => open(contest, ways) }
}

function queueRow(kind: string, what: string, how: string): Row {
  return row(
    `app: jobs of a queue with ${what}, 500 in flight`,
    `${how}; added and handled in one process, 100 at the same time, JSON checked by zod, what became of each is kept: \`app.queue\` with its own durable broker, beside BullMQ on redis-server with appendfsync always`,
    [],
    {
      contrail: { way: `queue-${kind}`, messages: 10_000 },
      bullmq: { way: `queue-${kind}-bullmq`, on: 'redis-server', messages: 10_000 },
    },
  )
}

export const frameworkRows: Row[] = [
  row(
    'app: publish to a stream, 500 in flight, 128 B',
    '`stream.publish` of an app, beside `js.publish` of nats.js, each on the same kind of nats-server over TCP',
    [{ measure: 'rate', against: 'client', atLeast: 4 }],
    {
      contrail: { way: 'publish', on: 'nats-server', messages: 300_000 },
      client: { way: 'publish-client', on: 'nats-server', messages: 100_000 },
    },
  ),
  row(
    'app: publish to a stream, embedded and durable, 500 in flight, 128 B',
    '`stream.publish` of an app with its own broker, every acknowledgement after fdatasync',
    [{ measure: 'rate', atLeast: 150_000 }],
    { contrail: { way: 'publish-embedded', messages: 400_000 } },
  ),
  row(
    'app: handle messages of a stream',
    'pull, explicit acks, JSON checked by zod: a handler of an app, beside a bare callback on nats.js doing the same',
    [{ measure: 'rate', against: 'client', atLeast: 0.8 }],
    {
      contrail: { way: 'handle', on: 'nats-server', messages: 200_000 },
      client: { way: 'handle-client', on: 'nats-server', messages: 200_000 },
    },
  ),
  row(
    'app: core publish to handler, one at a time, 128 B',
    'published, handled, and only then the next: embedded, beside the same app on a nats-server',
    [{ measure: 'rate', against: 'tcp', atLeast: 3 }],
    {
      contrail: { way: 'turns-embedded', messages: 100_000 },
      tcp: { way: 'turns', on: 'nats-server', messages: 30_000 },
    },
  ),
  row(
    'app: core publish to handler, as fast as it goes, 128 B',
    'the same without waiting: what the client itself can write and read is the limit of both',
    [],
    {
      contrail: { way: 'core-embedded', messages: 500_000 },
      tcp: { way: 'core', on: 'nats-server', messages: 500_000 },
    },
  ),
  row(
    'app: jobs published and handled, 500 in flight',
    'a work queue, durable, JSON checked by zod, in one process: an app with its own broker; nats.js on a nats-server that acknowledges before the disk; BullMQ on redis-server with appendfsync always',
    [],
    {
      contrail: { way: 'jobs-embedded', messages: 100_000 },
      client: { way: 'jobs-client', on: 'nats-server', messages: 50_000 },
      bullmq: { way: 'jobs-bullmq', on: 'redis-server', messages: 20_000 },
    },
  ),
  queueRow('delay', 'a delay of 100 ms', 'each job waits 100 ms in the broker first'),
  queueRow('priority', 'three priorities', 'a third of the jobs has each priority'),
  queueRow('unique', 'unique keys', 'each job has a key of its own, which is looked for'),
  {
    name: 'app: start, embedded',
    how: 'from `new App` until `start` resolves, with a store on disk, a stream, a bucket and a consumer that are made, in a fresh process that has loaded the module',
    contenders: ['contrail'],
    targets: [{ measure: 'start', atMost: 150 }],
    open: async (contest) => ({
      sample: async () => ({ start: await runChild(contest, ['start'], script) }),
      close: async () => {},
    }),
  },
]
