/** `npm run torture`: tries to make a store lose something, and says what was tried, how often, and what was lost. */
import { parseArgs } from 'node:util'
import type { Encryption } from '../../src/storage/index.ts'
import { corruptOnce } from './corruption.ts'
import { faults } from './faults.ts'
import { fullDisks } from './full-disk.ts'
import { heavyRequests } from './heavy-requests.ts'
import { crashJetStream } from './jetstream.ts'
import { killRounds } from './kill.ts'
import { overload } from './overload.ts'
import { crashOnce } from './power.ts'
import { RealDisk } from './real-disk.ts'
import { soak } from './soak.ts'

const HELP = `Usage: npm run torture -- [--part PART] [--rounds N] [--points N] [--cases N] [--seed S]

  --part PART   kill, disk, full, faults, power, jetstream, corruption, overload, heavy, soak, or all but soak (default)
  --rounds N    kill -9 of a real server under load, so often (default 200); disk: a real file system's power failures (100)
  --points N    power failures of the simulated disk, one at each file operation (default 100,000; jetstream: 10,000; faults,
                calls that fail: 20,000)
  --cases N     flipped bits and zeroed sectors (default 10,000)
  --minutes N   of soak (default 10)
  --cipher C    power and corruption with an encrypted store: aes or chacha
  --seed S      where chance begins (default 1); a failure names the seed that shows it again

Examples:
  npm run torture -- --part kill --rounds 20
  npm run torture -- --part power --points 5000 --seed 77`

/** A line of the table. */
export interface Outcome {
  part: string
  tried: string
  acknowledged: string
  lost: number
  wrong: number
  failures: string[]
}

const MOST_FAILURES_SHOWN = 5
const POWER_ROUNDS = 60

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

async function power(points: number, seed: number, encryption: Encryption | undefined): Promise<Outcome> {
  const failures: string[] = []
  let tried = 0
  let acknowledged = 0
  let tight = 0
  let packed = 0
  for (let at = seed; tried < points; at++) {
    for (let crashAt = 1; tried < points; crashAt++) {
      const result = await crashOnce(
        at,
        crashAt,
        POWER_ROUNDS,
        encryption === undefined ? {} : { encryption },
      )
      acknowledged += result.acknowledged
      if (result.tightRounds > 0) tight++
      if (result.isPacked) packed++
      if (result.failure !== null) failures.push(result.failure)
      tried++
      if (tried % 100 === 0) progress(`power: ${tried} of ${points}`)
      if (!result.crashed) break
    }
  }
  return {
    part: 'power failure',
    tried: `${tried} crash points, a third of them with a second one during recovery, a third behind a kill, ${tight} on a disk that had been full, ${packed} with packed segments`,
    acknowledged: `${acknowledged} groups`,
    lost: failures.filter((text) => text.includes('is left')).length,
    wrong: failures.filter((text) => !text.includes('is left')).length,
    failures,
  }
}

/** kill -9 together with a power failure of a real file system, where there can be one. */
async function realDisk(rounds: number, seed: number): Promise<Outcome> {
  const part = 'power failure of a real file system'
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
  const disk = await RealDisk.create()
  try {
    return await killRounds(rounds, seed, progress, disk)
  } finally {
    await disk.dispose()
  }
}

/** The same under a whole server with clients. */
async function wholeServer(points: number, seed: number): Promise<Outcome> {
  const failures: string[] = []
  let tried = 0
  let acknowledged = 0
  for (let at = seed; tried < points; at++) {
    for (let crashAt = 1; tried < points; crashAt++) {
      const result = await crashJetStream(at, crashAt)
      acknowledged += result.acknowledged
      if (result.failure !== null) failures.push(result.failure)
      tried++
      if (tried % 50 === 0) progress(`jetstream: ${tried} of ${points}`)
      if (!result.crashed) break
    }
  }
  return {
    part: 'power failure under a server',
    tried: `${tried} crash points`,
    acknowledged: `${acknowledged} steps of clients`,
    lost: failures.filter((text) => text.startsWith('lost')).length,
    wrong: failures.filter((text) => !text.startsWith('lost')).length,
    failures,
  }
}

async function corruption(cases: number, seed: number, encryption: Encryption | undefined): Promise<Outcome> {
  const failures: string[] = []
  let missing = 0
  let hit = 0
  for (let i = 0; i < cases; i++) {
    const result = await corruptOnce(seed + i, encryption)
    missing += result.missing
    if (result.missing > 0) hit++
    if (result.failure !== null) failures.push(`${result.file}: ${result.failure}`)
    if (i % 100 === 0) progress(`corruption: ${i} of ${cases}`)
  }
  return {
    part: 'corruption',
    tried: `${cases} stores, a bit or a sector each`,
    acknowledged: `${missing} messages damaged in ${hit} of them, and told`,
    lost: failures.filter((text) => text.includes('missing')).length,
    wrong: failures.filter((text) => !text.includes('missing')).length,
    failures,
  }
}

function whole(text: string | undefined, usual: number): number {
  const value = Number(text ?? usual)
  if (!Number.isInteger(value) || value < 1) throw new Error(`${text} is no whole number above 0`)
  return value
}

function encryptionBy(cipher: string | undefined): Encryption | undefined {
  if (cipher === undefined) return undefined
  if (cipher !== 'aes' && cipher !== 'chacha') throw new Error(`${cipher} is no cipher: aes or chacha`)
  return { cipher, key: 'secret', cost: 2 }
}

const { values } = parseArgs({
  options: {
    part: { type: 'string' },
    rounds: { type: 'string' },
    points: { type: 'string' },
    cases: { type: 'string' },
    cipher: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help) {
  console.log(HELP)
} else {
  const part = values.part ?? 'all'
  const seed = whole(values.seed, 1)
  const encryption = encryptionBy(values.cipher)
  const parts: Record<string, () => Promise<Outcome>> = {
    kill: () => killRounds(whole(values.rounds, 200), seed, progress),
    full: () => fullDisks(progress),
    faults: () => faults(whole(values.points, 20_000), seed, progress),
    disk: () => realDisk(whole(values.rounds, 100), seed),
    power: () => power(whole(values.points, 100_000), seed, encryption),
    jetstream: () => wholeServer(whole(values.points, 10_000), seed),
    corruption: () => corruption(whole(values.cases, 10_000), seed, encryption),
    overload: () => overload(progress),
    heavy: () => heavyRequests(progress),
    soak: () => soak(whole(values.minutes, 10), progress),
  }
  const chosen = part === 'all' ? Object.keys(parts).filter((name) => name !== 'soak') : [part]
  if (chosen.some((name) => !Object.hasOwn(parts, name))) throw new Error(`no part "${part}"\n\n${HELP}`)
  let failed = 0
  for (const name of chosen) {
    const begun = performance.now()
    const outcome = await parts[name]()
    progress('')
    failed += outcome.failures.length
    const seconds = ((performance.now() - begun) / 1000).toFixed(0)
    console.log(`${outcome.part}: ${outcome.tried} (${seconds} s, seed ${seed})`)
    console.log(`  ${outcome.acknowledged}; lost ${outcome.lost}, wrong ${outcome.wrong}`)
    for (const failure of outcome.failures.slice(0, MOST_FAILURES_SHOWN))
      console.log(`  ${failure.slice(0, 500)}`)
  }
  if (failed > 0) process.exitCode = 1
}
