/** Plays many plans at once on two servers, since they wait most of the time, and compares what each did. */
import { performance } from 'node:perf_hooks'
import type { PeerServer } from '../../servers.ts'
import { differences } from '../differences.ts'
import { Session } from '../session.ts'
import { SLOT_MS, SLOTS, TtlPlan } from './ttl-plan.ts'
import { TtlPlayer } from './ttl-player.ts'

/** Plans begin a little after each other, so that not all of them ask at the same moment. */
const STEP_MS = 50
const STEPS = SLOT_MS / STEP_MS

/** What came of the two of a plan. */
export interface Outcome {
  seed: number
  /** Lines about what differs, with what was done until then; empty when nothing does. */
  lines: string[]
  /** Looks at the stream that were compared, and those that were not to be: something ended just then. */
  compared: number
  unclear: number
  /** Looks that are missing since the machine was too slow for what came before. */
  missed: number
}

/** Plays the plans of these seeds; `pair`: nats-server, and the server under comparison. */
export async function playAll(
  seeds: readonly number[],
  pair: readonly [PeerServer, PeerServer],
): Promise<Outcome[]> {
  const players = seeds.map((seed) => {
    const plan = new TtlPlan(seed)
    return pair.map((server) => new TtlPlayer(plan, new Session(server, { inboxes: String(seed) })))
  })
  const all = players.flat()
  await Promise.all(all.map((player) => player.prepare()))
  const startMs = performance.now() + SLOT_MS
  const played = players.flatMap((sides, index) =>
    sides.map((player) => player.play(startMs + (index % STEPS) * STEP_MS)),
  )
  await Promise.all(played)
  await Promise.all(all.map((player) => player.end()))
  return players.map(([real, ours], index) => compare(seeds[index], real, ours))
}

function compare(seed: number, real: TtlPlayer, ours: TtlPlayer): Outcome {
  const lostAt = Math.min(real.lostAt, ours.lostAt)
  const outcome: Outcome = { seed, lines: [], compared: 0, unclear: 0, missed: 0 }
  if (lostAt < SLOTS) outcome.missed = SLOTS - lostAt
  const done: string[] = []
  for (let i = 0; i < Math.max(real.notes.length, ours.notes.length); i++) {
    const left = real.notes[i]
    const right = ours.notes[i]
    const { slot, what } = left ?? right
    if (slot >= lostAt) break
    const isLook = what === 'state'
    if (!isLook) done.push(`  slot ${slot}: ${what}`)
    if (left?.isClear === false || right?.isClear === false) {
      outcome.unclear++
      continue
    }
    if (isLook) outcome.compared++
    const found = differences(left?.got, right?.got)
    if (found.length === 0) continue
    outcome.lines = [
      ...done,
      `  slot ${slot}: ${what}`,
      ...found.flatMap((each) => [
        `    ${each.path}`,
        `      nats-server  ${each.real}`,
        `      contrail     ${each.ours}`,
      ]),
      `    all of nats-server's  ${JSON.stringify(left?.got)}`,
      `    all of contrail's     ${JSON.stringify(right?.got)}`,
    ]
    break
  }
  return outcome
}
