/** Makes a row of the bench of a row of scale: the server, its load, and the ending of both. */
import { join } from 'node:path'
import { settleDisk } from '../drive/settle.ts'
import type { Contest, Row, Runner, Sample } from '../row.ts'
import { Place } from '../servers/contender.ts'
import type { ServerProcess } from '../servers/server-process.ts'
import { LoadProcess } from './load/process.ts'
import type { ScaleRow } from './row.ts'

const fewestRounds = 3

export function rowOf(row: ScaleRow): Row {
  return {
    name: row.name,
    how: row.how,
    contenders: row.contenders ?? ['contrail', 'default'],
    targets: row.targets ?? [],
    flag: row.flag,
    isLong: row.isLong,
    rounds: row.rounds ?? fewestRounds,
    open: (contest) => (row.isFresh ? Promise.resolve(fresh(row, contest)) : kept(row, contest)),
  }
}

interface Play {
  readonly place: Place
  server: ServerProcess
  readonly load: LoadProcess
  /** A profiled server writes its profile when it ends by itself. */
  readonly isProfiled: boolean
}

/** A server and its load, made ready. */
async function begin(row: ScaleRow, contest: Contest): Promise<Play> {
  const { contender } = contest
  const place = new Place(contest, true, row.settings?.[contender])
  let server: ServerProcess | null = null
  try {
    server = await place.start()
    const load = await LoadProcess.start({
      row: row.name,
      contender,
      port: server.port,
      pid: server.pid,
      storeFolder: join(place.folder, 'store'),
      part: contest.count(1_000_000) / 1_000_000,
    })
    return { place, server, load, isProfiled: contest.nodeFlags.length > 0 }
  } catch (error) {
    await server?.kill()
    place.remove()
    throw error
  }
}

/** What was stored is thrown away: no time is lost with a clean stop. */
async function end({ place, server, load, isProfiled }: Play): Promise<void> {
  await load.close()
  await (isProfiled ? server.stop() : server.kill())
  place.remove()
}

async function kept(row: ScaleRow, contest: Contest): Promise<Runner> {
  const play = await begin(row, contest)
  return {
    sample: () => {
      settleDisk()
      return play.load.sample()
    },
    close: () => end(play),
  }
}

function fresh(row: ScaleRow, contest: Contest): Runner {
  return {
    sample: async () => {
      settleDisk()
      const play = await begin(row, contest)
      try {
        const sample = await play.load.sample()
        return row.restarts ? { ...sample, ...(await restart(play)) } : sample
      } finally {
        await end(play)
      }
    },
    close: async () => {},
  }
}

async function restart(play: Play): Promise<Sample> {
  await play.load.close()
  const begun = performance.now()
  await play.server.stop()
  const stop = performance.now() - begun
  play.server = await play.place.start()
  return { stop, start: play.server.startMs }
}
