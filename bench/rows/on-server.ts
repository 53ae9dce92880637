/** Rows that drive one running server: it is started once, warmed up, and sampled each round. */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { NatsBench } from '../drive/nats-bench.ts'
import { settleDisk } from '../drive/settle.ts'
import type { ContenderName, Contest, Runner, Sample } from '../row.ts'
import { Place } from '../servers/contender.ts'
import { type ServerProcess, sleep } from '../servers/server-process.ts'

/** What a sample has at hand. */
export interface Stage {
  readonly contender: ContenderName
  readonly bench: NatsBench
  readonly server: ServerProcess
  /** A folder for files, removed with the store. */
  readonly folder: string
  /** Different in every sample: for names of streams and buckets. */
  readonly turn: number
  readonly admin: JetStreamManager
  /** In the warm-up, whose figures don't count. */
  readonly isWarmUp: boolean
  /** Messages of this sample, by the row's table and the flags. */
  readonly messages: number
}

export interface ServerPlan {
  /** Messages a sample, for each contender: fewer for the slow one, so that a round takes seconds. */
  readonly messages: number | Partial<Record<ContenderName, number>>
  /** False: the servers run without JetStream. Default: true. */
  readonly jetstream?: boolean
  /** Fills what the samples read, once. */
  prepare?(stage: Stage): Promise<void>
  /**
   * One round. Processor time is divided by `messages` of the sample, or by the plan's when it names none.
   */
  sample(stage: Stage): Promise<Sample>
  /** Puts away what the round left; unmeasured. */
  tidy?(stage: Stage): Promise<void>
}

/** Work put off to after the last answer (segments, acknowledgements still on their way) counts too. */
const afterworkMs = 150
/** The warm-up's part of a round's messages. */
const warmUpPart = 0.3

export async function onServer(contest: Contest, plan: ServerPlan): Promise<Runner> {
  const place = new Place(contest, plan.jetstream ?? true)
  let server: ServerProcess
  try {
    server = await place.start()
  } catch (error) {
    place.remove()
    throw error
  }
  const { contender } = contest
  const bench = new NatsBench(contest.tools.nats, server.url)
  let connection: NatsConnection | null = null
  let turn = 0
  const close = async () => {
    await connection?.close()
    await server.stop()
    place.remove()
  }
  try {
    connection = await connect({ servers: server.url, name: 'bench-admin' })
    const admin = await jetstreamManager(connection, { timeout: 60_000, checkAPI: false })
    const planned = typeof plan.messages === 'number' ? plan.messages : (plan.messages[contender] ?? 0)
    const stage = (part: number, isWarmUp = false): Stage => ({
      contender,
      bench,
      server,
      folder: place.folder,
      turn: turn++,
      admin,
      isWarmUp,
      messages: Math.max(1, Math.round(contest.count(planned) * part)),
    })
    await plan.prepare?.(stage(1))
    const round = async (part: number, isWarmUp: boolean): Promise<Sample> => {
      const here = stage(part, isWarmUp)
      settleDisk()
      const before = server.cpuSeconds()
      const sample = await plan.sample(here)
      await sleep(afterworkMs)
      const used = server.cpuSeconds() - before
      await plan.tidy?.(here)
      const messages = sample.messages ?? here.messages
      return { ...sample, messages, cpu: (used / messages) * 1e6 }
    }
    const said = (work: Promise<Sample>) =>
      work.catch((error: Error) => Promise.reject(explain(error, server)))
    return {
      warmUp: async () => {
        await said(round(warmUpPart, true))
      },
      sample: () => said(round(1, false)),
      close,
    }
  } catch (error) {
    const explained = explain(error as Error, server)
    await close()
    throw explained
  }
}

/** Adds what the server complained about last. */
function explain(error: Error, server: ServerProcess): Error {
  const complaints = server.logTail.split('\n').filter((line) => line !== '' && !line.includes('[INF]'))
  return new Error([error.message.trim(), ...complaints.slice(-5)].join('\n'))
}
