/** Core NATS: publishing, one to one, fan-out, many to many, requests. */
import type { Row, Target } from '../row.ts'
import { onServer } from './on-server.ts'

const contenders = ['contrail', 'default'] as const

const publishOnly: Row = {
  name: 'core publish, 128 B',
  how: 'nats bench pub, nobody subscribes',
  contenders,
  targets: [],
  open: (contest) =>
    onServer(contest, {
      jetstream: false,
      messages: 3_000_000,
      sample: (stage) =>
        stage.bench.run(`pub bench --size 128 --msgs ${stage.messages}`).then(({ rate }) => ({ rate })),
    }),
}

/** Publishers to subscribers; the rate is what the subscribers receive together. */
function delivery(
  name: string,
  size: string,
  messages: number,
  publishers: number,
  subscribers: number,
  targets: Target[],
): Row {
  return {
    name,
    how: `nats bench pub (${publishers} clients) to nats bench sub (${subscribers}); delivered messages count`,
    contenders,
    targets,
    open: (contest) =>
      onServer(contest, {
        jetstream: false,
        messages,
        sample: async ({ bench, messages }) => {
          const sub = await bench.start(
            `sub bench --clients ${subscribers} --size ${size} --msgs ${messages}`,
          )
          await bench.run(`pub bench --clients ${publishers} --size ${size} --msgs ${messages}`)
          const { rate } = bench.read((await sub.finished).output)
          return { rate, messages: messages * subscribers }
        },
      }),
  }
}

const request: Row = {
  name: 'request/reply, 16 B',
  how: 'nats bench service request to service serve, one client each, one request at a time',
  contenders,
  targets: [],
  open: (contest) =>
    onServer(contest, {
      jetstream: false,
      messages: 20_000,
      sample: async ({ bench, messages }) => {
        const service = await bench.start('service serve bench --size 16')
        try {
          return await bench.run(`service request bench --size 16 --msgs ${messages}`)
        } finally {
          service.end()
          await service.finished
        }
      },
    }),
}

const against = 'default'

export const coreRows: Row[] = [
  publishOnly,
  delivery('core 1:1, 16 B', '16', 3_000_000, 1, 1, [
    { measure: 'rate', against, atLeast: 1.3 },
    { measure: 'cpu', against, atMost: 0.5 },
  ]),
  delivery('core 1:1, 128 B', '128', 2_500_000, 1, 1, [
    { measure: 'rate', against, atLeast: 1.1 },
    { measure: 'cpu', against, atMost: 0.8 },
  ]),
  delivery('core 1:1, 1 KiB', '1024', 1_000_000, 1, 1, [
    { measure: 'rate', against, atLeast: 0.95 },
    { measure: 'cpu', against, atMost: 1.3 },
  ]),
  delivery('core 1:1, 64 KiB', '65536', 20_000, 1, 1, []),
  delivery('core fan-out 1:4, 128 B', '128', 600_000, 1, 4, [{ measure: 'rate', against, atLeast: 1.1 }]),
  delivery('core 4:4, 128 B', '128', 600_000, 4, 4, []),
  request,
]
