/**
 * A real file system that is really full, of the store's own files or of somebody else's: publishing is refused, all else goes
 * on; what is removed gives its space back within seconds, and publishing resumes; a killed server starts; nothing is lost.
 */
import { appendFileSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { PeerServer } from '../peers/servers.ts'
import type { Outcome } from './main.ts'
import { RealDisk } from './real-disk.ts'

const DISK_BYTES = 96 * 1024 * 1024
const PAYLOAD_BYTES = 100_000
const SMALL_PAYLOAD_BYTES = 4000
const SMALL_STREAMS = 64
/** What the store has where the rest is full of other files. */
const FOREIGN_SHARE_BYTES = 20_000_000
/** Refusals in a row after which the disk counts as full. */
const REFUSALS = 10
/** Space is back, and publishing resumed, within this. */
const MOST_WAIT_MS = 20_000

interface Scene {
  kind: 'ext4' | 'tmpfs'
  /** Streams that share the disk. */
  streams: number
  /** Does somebody else fill most of it? */
  isForeign: boolean
}

export const SCENES: readonly Scene[] = (['ext4', 'tmpfs'] as const).flatMap((kind) => [
  { kind, streams: 1, isForeign: false },
  { kind, streams: 1, isForeign: true },
  { kind, streams: SMALL_STREAMS, isForeign: false },
  { kind, streams: SMALL_STREAMS, isForeign: true },
])

export async function fullDisks(progress: (text: string) => void): Promise<Outcome> {
  const part = 'full disk'
  const missing = RealDisk.missing()
  if (missing !== null)
    return {
      part,
      tried: `not tried here: ${missing}`,
      acknowledged: 'nothing',
      lost: 0,
      wrong: 0,
      failures: [],
    }
  const failures: string[] = []
  let acknowledged = 0
  let longestMs = 0
  for (const scene of SCENES) {
    const name = `${scene.kind}, ${scene.streams} streams, full of ${scene.isForeign ? 'other' : 'its own'} files`
    const run = new FullDisk(scene, (text) => progress(`${part}: ${name}: ${text}`))
    try {
      await run.run()
    } catch (thrown) {
      failures.push(`${name}: ${(thrown as Error).message}`)
    }
    acknowledged += run.acknowledged
    longestMs = Math.max(longestMs, run.longestMs)
  }
  return {
    part,
    tried: `${SCENES.length} scenes on ${DISK_BYTES / 1024 / 1024} MiB`,
    acknowledged: `${acknowledged} messages; publishing resumed after ${(longestMs / 1000).toFixed(1)} s at most`,
    lost: failures.filter((text) => text.includes('lost')).length,
    wrong: failures.filter((text) => !text.includes('lost')).length,
    failures,
  }
}

export class FullDisk {
  acknowledged = 0
  /** Until publishing resumed. */
  longestMs = 0
  private readonly scene: Scene
  private readonly tell: (text: string) => void
  /** By stream: live sequences and what they hold. */
  private readonly known = new Map<string, Map<number, string>>()
  private sent = 0

  constructor(scene: Scene, tell: (text: string) => void) {
    this.scene = scene
    this.tell = tell
  }

  async run(): Promise<void> {
    const { scene } = this
    const disk = await RealDisk.create({ kind: scene.kind, bytes: DISK_BYTES })
    const config = 'jetstream { max_file_store: 10GB }'
    const server = new PeerServer('contrail', { within: disk.directory, config, flags: [] })
    const filler = join(disk.directory, 'filler')
    try {
      await server.start()
      let nc = await connect({ servers: server.url })
      let jsm = await jetstreamManager(nc)
      for (let i = 0; i < scene.streams; i++) {
        await jsm.streams.add({ name: `S${i}`, subjects: [`s.${i}.*`], allow_direct: true })
        this.known.set(`S${i}`, new Map())
      }
      if (scene.isForeign) {
        const bytes = scene.streams > 1 ? SMALL_PAYLOAD_BYTES : PAYLOAD_BYTES
        for (let i = 0; i < FOREIGN_SHARE_BYTES / bytes; i++) await this.publish(nc)
        fill(filler)
      }
      for (const removal of ['kill', 'one subject', 'message by message', 'all', 'a stream'] as const) {
        this.tell(`filled for "${removal}"`)
        await this.publishUntilRefused(nc)
        await this.check(jsm)
        if (removal === 'kill') {
          await nc.close()
          await server.stop('SIGKILL')
          await server.start()
          nc = await connect({ servers: server.url })
          jsm = await jetstreamManager(nc)
          await this.check(jsm)
        }
        if (removal === 'one subject' || removal === 'kill') await this.purgeOne(jsm)
        else if (removal === 'message by message') await this.deleteSome(jsm)
        else if (removal === 'all') await this.purgeAll(jsm)
        else await this.deleteStream(jsm)
        await this.untilPublished(nc, removal)
        if (this.scene.isForeign && removal === 'one subject') {
          // Somebody tidies up, and fills it again.
          rmSync(filler)
          await this.untilPublished(nc, 'somebody else')
          fill(filler)
        }
      }
      await this.publishUntilRefused(nc)
      await nc.close()
      await server.stop()
      await server.start()
      nc = await connect({ servers: server.url })
      await this.check(await jetstreamManager(nc))
      await nc.close()
    } catch (thrown) {
      const said = server.output.trim().split('\n').slice(-12).join(' | ')
      throw new Error(`${(thrown as Error).message}; the server said: ${said}`)
    } finally {
      await server.dispose()
      await disk.dispose()
    }
  }

  /** One message to the next stream in turn; false when it was refused. */
  private async publish(nc: NatsConnection): Promise<boolean> {
    const i = this.sent++
    const names = [...this.known.keys()]
    const name = names[i % names.length]
    const bytes = names.length > 1 ? SMALL_PAYLOAD_BYTES : PAYLOAD_BYTES
    const payload = `${i} ${'x'.repeat(bytes)}`
    const subject = `s.${name.slice(1)}.${Math.floor(i / names.length) % 3}`
    try {
      const { seq } = await jetstream(nc).publish(subject, payload, { timeout: 5000 })
      this.known.get(name)?.set(seq, payload)
      this.acknowledged++
      return true
    } catch (error) {
      if ((error as { code?: number }).code === 10023) return false
      throw new Error(`a publish was not answered: ${(error as Error).message}`)
    }
  }

  private async publishUntilRefused(nc: NatsConnection): Promise<void> {
    for (let refused = 0; refused < REFUSALS; ) {
      const stored = await Promise.all(Array.from({ length: 20 }, () => this.publish(nc)))
      if (stored.some((each) => !each)) refused++
      else refused = 0
    }
  }

  private async untilPublished(nc: NatsConnection, what: string): Promise<void> {
    const began = Date.now()
    for (let stored = 0; stored < 3; ) {
      if (await this.publish(nc)) {
        stored++
        continue
      }
      stored = 0
      const waitedMs = Date.now() - began
      if (waitedMs > MOST_WAIT_MS) {
        throw new Error(`after ${what} went nothing is stored for ${waitedMs} ms`)
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    this.longestMs = Math.max(this.longestMs, Date.now() - began)
  }

  private async purgeOne(jsm: JetStreamManager): Promise<void> {
    for (const [name, messages] of this.known) {
      const subject = `s.${name.slice(1)}.1`
      const { purged } = await jsm.streams.purge(name, { filter: subject })
      const before = messages.size
      const total = this.known.size
      for (const [seq, payload] of messages) {
        if (Math.floor(Number(payload.split(' ')[0]) / total) % 3 === 1) messages.delete(seq)
      }
      if (purged !== before - messages.size)
        throw new Error(`${purged} of ${before - messages.size} were purged`)
    }
  }

  private async deleteSome(jsm: JetStreamManager): Promise<void> {
    for (const [name, messages] of this.known) {
      const seqs = [...messages.keys()].filter((_, i) => i % 4 !== 0)
      for (const seq of seqs) {
        await jsm.streams.deleteMessage(name, seq, false)
        messages.delete(seq)
      }
    }
  }

  private async purgeAll(jsm: JetStreamManager): Promise<void> {
    for (const [name, messages] of this.known) {
      await jsm.streams.purge(name)
      messages.clear()
    }
  }

  /** Half of the streams go; of one, it is made again. */
  private async deleteStream(jsm: JetStreamManager): Promise<void> {
    const names = [...this.known.keys()]
    for (const name of names.slice(0, Math.ceil(names.length / 2))) {
      await jsm.streams.delete(name)
      this.known.delete(name)
    }
    if (this.known.size > 0) return
    const deadline = Date.now() + MOST_WAIT_MS
    for (;;) {
      try {
        await jsm.streams.add({ name: 'S0', subjects: ['s.0.*'], allow_direct: true })
        break
      } catch (error) {
        if (Date.now() > deadline) throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
    this.known.set('S0', new Map())
  }

  private async check(jsm: JetStreamManager): Promise<void> {
    for (const [name, messages] of this.known) {
      const { state } = await jsm.streams.info(name)
      if (state.messages < messages.size) {
        throw new Error(`lost: ${name} has ${state.messages} of ${messages.size} messages`)
      }
      const seqs = [...messages.keys()]
      // All of a small one, of a large one some.
      const step = Math.max(1, Math.floor(seqs.length / 50))
      for (let i = 0; i < seqs.length; i += step) {
        const found = await jsm.direct.getMessage(name, { seq: seqs[i] })
        if (found === null) throw new Error(`lost: ${seqs[i]} of ${name}`)
        if (found.string() !== messages.get(seqs[i]))
          throw new Error(`lost: ${seqs[i]} of ${name} is another`)
      }
      if ((state as { lost?: object }).lost !== undefined) throw new Error(`lost: ${name} says so`)
    }
  }
}

/** Somebody else takes all that is left. */
function fill(path: string): void {
  for (const bytes of [1024 * 1024, 4096, 1]) {
    try {
      for (;;) appendFileSync(path, Buffer.alloc(bytes, 1))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
    if (statfsSync(path).bavail === 0) return
  }
}
