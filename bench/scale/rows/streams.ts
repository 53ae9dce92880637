/** Ten thousand streams: making them, stopping and starting with them. */

import { createStreams } from '../load/streams.ts'
import type { ScaleRow } from '../row.ts'

const manyStreams: ScaleRow = {
  name: '10,000 streams',
  how: 'made on a new server, the last 2,500 one after the other; then SIGTERM until the process has ended, and the start until INFO arrives',
  isFresh: true,
  restarts: true,
  isLong: true,
  load: async (stage) => {
    const streams = stage.count(10_000)
    const last = Math.floor(streams / 4)
    const { wire } = stage
    await createStreams(wire, 0, streams - last)
    return async () => {
      const { seconds, done } = await createStreams(wire, streams - last, last, 1)
      return { perStream: (seconds * 1000) / done, resident: stage.residentMiB() }
    }
  },
}

export const streamRows: ScaleRow[] = [manyStreams]
