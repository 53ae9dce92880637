/** Memory, and the disk, after the work is done. */
import { sleep } from '../../servers/server-process.ts'
import { folderBytes } from '../../servers/usage.ts'
import { createStream, purgeStream } from '../load/api.ts'
import { fill } from '../load/fill.ts'
import type { ScaleRow } from '../row.ts'

const payload = Buffer.alloc(128, 'x')
const bucket = { max_msgs_per_subject: 1, discard: 'new', allow_direct: true }
const restMs = 2000
const longRestMs = 10_000
const batch = 20_000

const keys: ScaleRow = {
  name: 'memory with 300,000 keys',
  how: 'a bucket of keys of 128 B on a new server, 2 s after the last was put',
  isFresh: true,
  load: async (stage) => {
    await createStream(stage.wire, 'KV', ['kv.>'], bucket)
    await fill(stage.wire, stage.count(300_000), payload, (i) => `kv.${i % 1000}.${i}`)
    await sleep(restMs)
    return async () => ({ resident: stage.residentMiB() })
  },
}

const emptied: ScaleRow = {
  name: 'an emptied bucket after 1.2 M keys',
  how: 'on a new server 20,000 keys of 128 B are put and then purged, 60 times; memory and bytes on disk 10 s later',
  isFresh: true,
  isLong: true,
  load: async (stage) => {
    const { wire } = stage
    const each = stage.count(batch)
    await createStream(wire, 'KV', ['kv.>'], bucket)
    for (let i = 0; i < 60; i++) {
      await fill(wire, each, payload, (key) => `kv.${i}.${key}`)
      await purgeStream(wire, 'KV', { filter: `kv.${i}.*` })
    }
    await sleep(longRestMs)
    return async () => ({ resident: stage.residentMiB(), disk: folderBytes(stage.storeFolder) / 2 ** 20 })
  },
}

export const memoryRows: ScaleRow[] = [keys, emptied]
