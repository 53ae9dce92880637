/** A mixed load for a long time: memory, open files and latency stay flat. */
import { existsSync, readdirSync } from 'node:fs'
import { type JetStreamClient, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { freePort, PeerServer } from '../peers/servers.ts'
import type { Outcome } from './main.ts'
import { varz } from './varz.ts'

const ROWS = 12
/** Streams are limited, so that the store's size is flat too. */
const MAX_MESSAGES = 20_000
const KEYS = 500
/** Compared with the first third: what may come on top. */
const MOST_GROWTH_MIB = 64
const MOST_NEW_FILES = 64
const MOST_P99_MS = 250

interface Row {
  minute: string
  rate: number
  memMiB: number
  files: number | null
  p50: number
  p99: number
}

class Load {
  done = 0
  readonly latencies: number[] = []
  readonly failures: string[] = []
  private isOver = false
  private readonly lanes: Promise<void>[] = []

  lane(work: () => Promise<void>): void {
    const run = async (): Promise<void> => {
      while (!this.isOver) {
        const begun = performance.now()
        try {
          await work()
        } catch (error) {
          if (this.isOver) return
          this.failures.push(String(error))
          await new Promise((resolve) => setTimeout(resolve, 100))
          continue
        }
        this.latencies.push(performance.now() - begun)
        this.done++
      }
    }
    this.lanes.push(run())
  }

  async end(): Promise<void> {
    this.isOver = true
    await Promise.allSettled(this.lanes)
  }
}

export async function soak(minutes: number, progress: (text: string) => void): Promise<Outcome> {
  const monitor = await freePort()
  const server = await new PeerServer('contrail', { flags: ['-js', '-m', `${monitor}`] }).start()
  const clients = await Promise.all(Array.from({ length: 4 }, () => connect({ servers: server.url })))
  const load = new Load()
  const rows: Row[] = []
  try {
    await begin(clients, load)
    const intervalMs = (minutes * 60_000) / ROWS
    for (let row = 1; row <= ROWS; row++) {
      const before = load.done
      load.latencies.length = 0
      await new Promise((resolve) => setTimeout(resolve, intervalMs))
      const sorted = [...load.latencies].sort((a, b) => a - b)
      const { memMiB } = await varz(monitor)
      rows.push({
        minute: ((row * intervalMs) / 60_000).toFixed(1),
        rate: Math.round((load.done - before) / (intervalMs / 1000)),
        memMiB,
        files: openFiles(server.pid),
        p50: sorted[sorted.length >> 1] ?? 0,
        p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      })
      progress(`soak: ${rows.at(-1)?.minute} of ${minutes} minutes, ${memMiB} MiB`)
    }
  } finally {
    await load.end()
    await Promise.all(clients.map((nc) => nc.close()))
    await server.dispose()
  }
  const failures = [...new Set(load.failures), ...judge(rows)]
  return {
    part: 'soak',
    tried: `${minutes} minutes of publishing, consuming, a work queue, keys and requests`,
    acknowledged: `${load.done} operations\n${table(rows)}\n `,
    lost: 0,
    wrong: failures.length,
    failures,
  }
}

async function begin(clients: NatsConnection[], load: Load): Promise<void> {
  const [a, b, c, d] = clients
  const jsm = await jetstreamManager(a)
  await jsm.streams.add({ name: 'LIMITED', subjects: ['limited.*'], max_msgs: MAX_MESSAGES })
  await jsm.streams.add({ name: 'JOBS', subjects: ['jobs'], retention: 'workqueue' })
  await jsm.consumers.add('LIMITED', {
    durable_name: 'reader',
    ack_policy: 'explicit',
    deliver_policy: 'new',
  })
  await jsm.consumers.add('JOBS', { durable_name: 'worker', ack_policy: 'explicit' })
  const kv = await new Kvm(b).create('keys', { history: 2 })
  const payload = new Uint8Array(200)
  const publish = (js: JetStreamClient, subject: string) => async (): Promise<void> => {
    await js.publish(subject, payload)
  }
  for (let i = 0; i < 20; i++) load.lane(publish(jetstream(i % 2 === 0 ? a : b), `limited.${i}`))
  for (let i = 0; i < 5; i++) load.lane(publish(jetstream(b), 'jobs'))
  let key = 0
  for (let i = 0; i < 3; i++) load.lane(async () => void (await kv.put(`key.${key++ % KEYS}`, payload)))
  c.subscribe('echo', { callback: (_, message) => void message.respond(message.data) })
  await c.flush()
  load.lane(async () => void (await a.request('echo', payload)))
  // Consumers that come and go.
  load.lane(async () => {
    const { name } = await jsm.consumers.add('LIMITED', { ack_policy: 'none', deliver_policy: 'new' })
    await jsm.consumers.delete('LIMITED', name)
  })
  const consumers = jetstream(d).consumers
  for (const [stream, name] of [
    ['LIMITED', 'reader'],
    ['JOBS', 'worker'],
  ]) {
    const consumer = await consumers.get(stream, name)
    await consumer.consume({ callback: (message) => message.ack() })
  }
}

function openFiles(pid: number): number | null {
  const folder = `/proc/${pid}/fd`
  return existsSync(folder) ? readdirSync(folder).length : null
}

/** The last third against the first, which still warms up. */
function judge(rows: readonly Row[]): string[] {
  const third = Math.floor(rows.length / 3)
  const first = rows.slice(0, third)
  const last = rows.slice(-third)
  const most = (part: readonly Row[], of: (row: Row) => number): number => Math.max(...part.map(of))
  const failures: string[] = []
  const grown = most(last, (row) => row.memMiB) - most(first, (row) => row.memMiB)
  if (grown > MOST_GROWTH_MIB) failures.push(`memory grew by ${grown} MiB`)
  const files = most(last, (row) => row.files ?? 0) - most(first, (row) => row.files ?? 0)
  if (files > MOST_NEW_FILES) failures.push(`${files} more files are open`)
  const p99 = most(last, (row) => row.p99)
  if (p99 > MOST_P99_MS) failures.push(`p99 is ${p99.toFixed(0)} ms at the end`)
  return failures
}

function table(rows: readonly Row[]): string {
  const lines = [['minute', 'operations/s', 'MiB', 'open files', 'p50 ms', 'p99 ms']]
  for (const { minute, rate, memMiB, files, p50, p99 } of rows) {
    lines.push([minute, `${rate}`, `${memMiB}`, `${files ?? '-'}`, p50.toFixed(2), p99.toFixed(1)])
  }
  return lines.map((line) => `  ${line.map((text) => text.padStart(14)).join('')}`).join('\n')
}
