/** The heaviest requests that there are, at a stream of a million messages and subjects: how long does somebody else wait? */
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { PeerServer } from '../peers/servers.ts'
import type { Outcome } from './main.ts'
import { Probe } from './probe.ts'

const MESSAGES = 1_000_000
const FILTERS = 45_000
/** What is aimed at, and what is a failure: one request may not hold the others longer. */
const TARGET_MS = 50
const MOST_MS = 1000
const FUTURE_SEQ = MESSAGES - 5

const info = (body: object): [string, object] => ['STREAM.INFO.H', body]
const direct = (body: object): [string, object] => ['DIRECT.GET.H', body]
const consumer = (name: string, config: object): [string, object] => [
  `CONSUMER.CREATE.H.${name}`,
  { stream_name: 'H', config: { name, ack_policy: 'explicit', ...config } },
]

const REQUESTS: Record<string, [string, object]> = {
  'info by all subjects': info({ subjects_filter: '>' }),
  'info by subjects, another page': info({ subjects_filter: 'h.1.*', offset: 400_000 }),
  'last of each subject, as of a sequence': direct({ multi_last: ['h.>'], up_to_seq: FUTURE_SEQ }),
  'last of subjects that are not there': direct({ multi_last: ['h.absent.*'], up_to_seq: FUTURE_SEQ }),
  'a batch of a subject at the end': direct({ batch: 100, next_by_subj: `*.*.${MESSAGES - 1}`, seq: 1 }),
  'the next of a subject at the end': ['STREAM.MSG.GET.H', { next_by_subj: `*.*.${MESSAGES - 1}`, seq: 1 }],
  [`a consumer of ${FILTERS} filters`]: consumer('many', {
    filter_subjects: Array.from({ length: FILTERS }, (_, i) => `h.0.${i * 2}`),
  }),
  'a consumer of the last of each subject': consumer('last', {
    deliver_policy: 'last_per_subject',
    filter_subject: 'h.>',
  }),
  'a consumer from a time on': consumer('time', {
    deliver_policy: 'by_start_time',
    opt_start_time: '2020-01-01T00:00:00Z',
    filter_subject: 'h.*.77',
  }),
  'a purge of half of the subjects': ['STREAM.PURGE.H', { filter: 'h.0.>', keep: 1 }],
  'info with half a million deleted': info({ deleted_details: true }),
  'a purge below a sequence': ['STREAM.PURGE.H', { seq: MESSAGES / 2 }],
  'a purge': ['STREAM.PURGE.H', {}],
}

export async function heavyRequests(progress: (text: string) => void): Promise<Outcome> {
  const server = await new PeerServer('contrail').start()
  const nc = await connect({ servers: server.url })
  const other = await Probe.start(Number(new URL(server.url).port))
  const waits: [string, number][] = []
  const failures: string[] = []
  try {
    await fill(nc, progress)
    for (const [what, [verb, body]] of Object.entries(REQUESTS)) {
      progress(`heavy requests: ${what}`)
      await other.worstMs()
      const error = await ask(nc, verb, body)
      const worstMs = await other.worstMs()
      waits.push([what, worstMs])
      if (error !== '') failures.push(`${what}: ${error}`)
      if (worstMs > MOST_MS) failures.push(`${what}: another client waited ${worstMs.toFixed(0)} ms`)
    }
  } finally {
    await nc.close()
    await other.stop()
    await server.dispose()
  }
  waits.sort(([, a], [, b]) => b - a)
  const above = waits.filter(([, ms]) => ms > TARGET_MS)
  const shown = above.map(([what, ms]) => `${what} ${ms.toFixed(0)} ms`).join(', ')
  return {
    part: 'heavy requests',
    tried: `${waits.length} kinds at ${MESSAGES} messages, each with a subject of its own`,
    acknowledged: `others waited ${waits[0]?.[1].toFixed(0)} ms at most; above ${TARGET_MS} ms: ${shown || 'none'}`,
    lost: 0,
    wrong: failures.length,
    failures,
  }
}

async function fill(nc: NatsConnection, progress: (text: string) => void): Promise<void> {
  await ask(nc, 'STREAM.CREATE.H', { name: 'H', subjects: ['h.>'], allow_direct: true })
  for (let i = 0; i < MESSAGES; i++) {
    nc.publish(`h.${i % 2}.${i}`, 'x')
    if (i % 2000 === 0) await nc.flush()
    if (i % 50_000 === 0) progress(`heavy requests: ${i} of ${MESSAGES} messages`)
  }
  await nc.flush()
}

/** Sends a request; returns the error in the answer. Of a batch the end is waited for. */
async function ask(nc: NatsConnection, verb: string, body: object): Promise<string> {
  const subject = `$JS.API.${verb}`
  if (!verb.startsWith('DIRECT')) {
    const answer = await nc.request(subject, JSON.stringify(body), { timeout: 60_000 })
    return answer.json<{ error?: { description: string } }>().error?.description ?? ''
  }
  const inbox = `heavy.${verb}.${Math.random()}`
  await new Promise<void>((resolve) => {
    nc.subscribe(inbox, {
      callback: (_, message) => {
        if (message.headers?.code) resolve()
      },
    })
    nc.publish(subject, JSON.stringify(body), { reply: inbox })
  })
  return ''
}
