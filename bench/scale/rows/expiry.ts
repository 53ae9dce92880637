/** What others notice while many messages expire at once. */
import type { Sample } from '../../row.ts'
import { sleep } from '../../servers/server-process.ts'
import { createStream, deleteStream, streamState } from '../load/api.ts'
import { fill } from '../load/fill.ts'
import { type Pumped, pump } from '../load/pump.ts'
import type { Stage } from '../load/stage.ts'
import type { Wire } from '../load/wire.ts'
import type { ScaleRow } from '../row.ts'

const payload = Buffer.alloc(128, 'x')
const pollMs = 50
const undisturbedSeconds = 1
/** Expiry is given so long to begin, and to end. */
const patienceSeconds = 40

interface Plan {
  readonly messages: number
  readonly lifeSeconds: number
  readonly stream: object
  readonly headers?: string
}

function expiry(name: string, how: string, plan: Plan): ScaleRow {
  return {
    name,
    how: `${how}; the rate of publishing to another stream, 50 in flight, from the first that expires until all are gone`,
    isLong: true,
    load: async (stage) => {
      const { wire } = stage
      const others = await stage.open()
      await createStream(wire, 'OTHERS', ['others.>'])
      return async () => {
        const calm = await publishToOthers(others, { seconds: stage.seconds(undisturbedSeconds) })
        const sample = await duringExpiry(stage, others, plan)
        return { ...sample, calm: calm.rate }
      }
    },
  }
}

async function duringExpiry(stage: Stage, others: Wire, plan: Plan): Promise<Sample> {
  const { wire } = stage
  const messages = stage.count(plan.messages)
  const begunMs = performance.now()
  await createStream(wire, 'EXPIRING', ['expiring.>'], plan.stream)
  await fill(wire, messages, payload, (i) => `expiring.${i}`, plan.headers)
  await sleep(Math.max(0, begunMs + plan.lifeSeconds * 1000 - performance.now()))
  let isOver = false
  const dueMs = performance.now()
  let goneMs = Number.NaN
  const gone = untilEmpty(wire, 'EXPIRING').finally(() => {
    isOver = true
    goneMs = performance.now()
  })
  const sample = await stage.rated(() => publishToOthers(others, { isOver: () => isOver }))
  await gone
  await deleteStream(wire, 'EXPIRING')
  return { ...sample, gone: goneMs - dueMs }
}

async function untilEmpty(wire: Wire, stream: string): Promise<void> {
  const cutMs = performance.now() + patienceSeconds * 1000
  while ((await streamState(wire, stream)).messages > 0 && performance.now() < cutMs) await sleep(pollMs)
}

function publishToOthers(wire: Wire, until: { seconds?: number; isOver?(): boolean }): Promise<Pumped> {
  return pump(wire, {
    inFlight: 50,
    ...until,
    send: (i, inbox) => wire.output.publish(`others.${i % 100}`, payload, inbox),
  })
}

export const expiryRows: ScaleRow[] = [
  expiry(
    'others publishing while 300,000 messages with a TTL expire',
    'each with a subject and a TTL of 5 s',
    {
      messages: 300_000,
      lifeSeconds: 5,
      stream: { allow_msg_ttl: true },
      headers: 'NATS/1.0\r\nNats-TTL: 5s\r\n\r\n',
    },
  ),
  expiry('others publishing while 600,000 messages reach max_age', 'each with a subject, max_age 8 s', {
    messages: 600_000,
    lifeSeconds: 8,
    stream: { max_age: 8e9 },
  }),
]
