/** How soon a server answers, and what it holds in memory, on an empty store. */

import { runChild } from '../drive/child.ts'
import type { Contest, Row, Runner } from '../row.ts'
import { Place } from '../servers/contender.ts'
import { sleep } from '../servers/server-process.ts'

/** Memory is read when the start's own garbage had time to go. */
const restMs = 1000

async function emptyStart(contest: Contest): Promise<Runner> {
  return {
    sample: async () => {
      const place = new Place(contest)
      const server = await place.start()
      try {
        await sleep(restMs)
        return { start: server.startMs, resident: server.residentMiB() }
      } finally {
        await server.stop()
        place.remove()
      }
    },
    close: async () => {},
  }
}

async function inProcessStart(contest: Contest): Promise<Runner> {
  return {
    sample: async () => ({ start: await runChild(contest, ['start']) }),
    close: async () => {},
  }
}

export const startRows: Row[] = [
  {
    name: 'start, empty',
    how: 'from spawning until a connection is accepted and INFO arrives, JetStream on, new store; memory a second later',
    contenders: ['contrail', 'default'],
    targets: [{ measure: 'start', atMost: 150 }],
    open: emptyStart,
  },
  {
    name: 'Server.start in a running process',
    how: 'the first Server.start of a process that has loaded the module, with a store and a port, until it resolves',
    contenders: ['contrail'],
    targets: [{ measure: 'start', atMost: 20 }],
    open: inProcessStart,
  },
]
