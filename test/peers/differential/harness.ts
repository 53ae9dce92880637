/**
 * The same script against nats-server and against Contrail; every frame and field is compared. A case is
 *
 *     differential('stream names with spaces are refused', async (s) => {
 *       await s.api('STREAM.CREATE.bad name', { name: 'bad name' })
 *     })
 *
 * docs/differential-testing.md says more.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { PeerServer, type PeerServerOptions } from '../servers.ts'
import { areSame, compare, compareFirst } from './compare.ts'
import { type Entry, Session } from './session.ts'

export { type Delivery, HELLO, type Line, Session } from './session.ts'

/** How often a case that differs is played again: what is one way or the other by chance is nearly never the same nine times. */
const PLAYS_AGAIN = Number(process.env.PLAYS_AGAIN ?? 8)
/** Scripts made by chance that run at the same time. */
const LANES = Number(process.env.LANES ?? 24)
/** After so many differences no more scripts are begun. */
const MOST_DIFFERENT = 20
/** Share of the scripts that may differ once, and not when they are played again. */
const MOST_ONCE = 0.01

export interface ChanceCases {
  /** How many, when the environment doesn't say. */
  scripts: number
  /** What the names of a seed's streams begin with. */
  prefix: (seed: number) => string
  script: (seed: number, session: Session) => Promise<void>
}

let options: PeerServerOptions = {}
let real: PeerServer
let ours: PeerServer

before(async () => {
  // The file of the cases says its options once its other imports are there.
  await new Promise((resolve) => setImmediate(resolve))
  real = new PeerServer('nats-server', options)
  ours = new PeerServer('contrail', options)
  await Promise.all([real.start(), ours.start()])
})

after(async () => {
  await Promise.all([real?.dispose(), ours?.dispose()])
})

/** Flags and configuration of the two servers of this file; call it before the first case. */
export function serversWith(wanted: PeerServerOptions): void {
  options = wanted
}

/** One case: the script runs on both sides at once, each with a server of the file's and a session of its own. */
export function differential(name: string, script: (session: Session) => Promise<void>): void {
  test(name, async (context) => {
    try {
      const first = await played(script)
      try {
        compare(name, first.real, first.ours)
      } catch (difference) {
        await playAgain(name, script, first.ours, difference)
        context.diagnostic('nats-server did not answer the same twice')
      }
    } catch (error) {
      if (error instanceof Error) error.message += complaints()
      throw error
    }
  })
}

/** What both sides wrote down. */
interface Transcripts {
  readonly real: readonly Entry[]
  readonly ours: readonly Entry[]
}

async function played(script: (session: Session) => Promise<void>): Promise<Transcripts> {
  const sides = [new Session(real), new Session(ours)]
  await runOn(sides, script)
  return { real: sides[0].transcript, ours: sides[1].transcript }
}

/**
 * nats-server does some things behind its answers: consumers count a message after its PubAck has gone, say, so that on a busy
 * machine a pull that follows at once finds one less pending. What it doesn't say each time is not determined; then it is
 * enough that it says once what we say, and that we say the same each time.
 * @throws `difference` otherwise
 */
async function playAgain(
  name: string,
  script: (session: Session) => Promise<void>,
  ours: readonly Entry[],
  difference: unknown,
): Promise<void> {
  for (let plays = 0; plays < PLAYS_AGAIN; plays++) {
    const again = await played(script)
    if (!areSame(ours, again.ours)) throw difference
    try {
      return compare(name, again.real, again.ours)
    } catch {}
  }
  throw difference
}

async function runOn(sides: readonly Session[], script: (session: Session) => Promise<void>): Promise<void> {
  const outcomes = await Promise.allSettled(sides.map((side) => script(side)))
  await Promise.all(sides.map((side) => side.end()))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

/**
 * Cases made by chance, a seed each, side by side: most of their time they wait. A script names its streams by a prefix and its
 * seed. `$SCRIPTS` and `$SEED` say how many and which, `$MINUTES` for how long instead.
 */
export function differentialByChance(kind: string, cases: ChanceCases): void {
  const { SCRIPTS, SEED, MINUTES } = process.env
  const first = Number(SEED ?? 1)
  const end = MINUTES === undefined ? first + Number(SCRIPTS ?? cases.scripts) : Infinity
  const untilMs = MINUTES === undefined ? Infinity : Date.now() + Number(MINUTES) * 60_000
  const span =
    MINUTES === undefined ? `seeds ${first} to ${end - 1}` : `seeds from ${first}, ${MINUTES} minutes`
  test(`${kind}, made by chance: ${span}`, async (context) => {
    const play = async (own: number): Promise<string | null> => {
      const sides = [real, ours].map((server) => new Session(server, { prefix: cases.prefix(own) }))
      try {
        await runOn(sides, (session) => cases.script(own, session))
        compareFirst(sides[0].transcript, sides[1].transcript)
        return null
      } catch (error) {
        return `seed ${own}: ${error instanceof Error ? error.message : error}`
      }
    }
    const different: number[] = []
    let seed = first
    const lane = async (): Promise<void> => {
      while (seed < end && Date.now() < untilMs && different.length < MOST_DIFFERENT) {
        const own = seed++
        if ((await play(own)) !== null) different.push(own)
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    context.diagnostic(`${seed - first} scripts`)
    // A machine that is busy with other things makes one of the two late: what counts is there each time, alone too.
    const failures: string[] = []
    for (const own of different) {
      const again = await play(own)
      if (again !== null) failures.push(again)
      else context.diagnostic(`seed ${own} differs once`)
    }
    const once = different.length - failures.length
    if (once > Math.max(2, (seed - first) * MOST_ONCE)) failures.push(`${once} scripts differ once`)
    if (failures.length > 0) assert.fail(`${failures.join('\n')}${complaints()}`)
  })
}

/** What our server logged as a warning or an error: often the reason why it answers otherwise. */
function complaints(): string {
  const lines = ours.output.split('\n').filter((line) => /\[(WRN|ERR|FTL)\]/.test(line))
  return lines.length === 0 ? '' : `\n  Contrail logged:\n    ${lines.slice(-5).join('\n    ')}`
}
