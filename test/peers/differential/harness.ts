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
import { differences } from './differences.ts'
import { KNOWN_DIFFERENCES } from './known-differences.ts'
import { type Entry, Session } from './session.ts'

export { type Delivery, HELLO, type Line, Session } from './session.ts'

let options: PeerServerOptions = {}
let real: PeerServer
let ours: PeerServer

before(async () => {
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
  test(name, async () => {
    const sides = [new Session(real), new Session(ours)]
    const outcomes = await Promise.allSettled(sides.map((side) => script(side)))
    await Promise.all(sides.map((side) => side.end()))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    try {
      compare(name, sides[0].transcript, sides[1].transcript)
    } catch (error) {
      if (error instanceof Error) error.message += complaints()
      throw error
    }
  })
}

/** What our server logged as a warning or an error: often the reason why it answers otherwise. */
function complaints(): string {
  const lines = ours.output.split('\n').filter((line) => /\[(WRN|ERR|FTL)\]/.test(line))
  return lines.length === 0 ? '' : `\n  Contrail logged:\n    ${lines.slice(-5).join('\n    ')}`
}

/** @throws AssertionError that shows each difference not known, or a known one that is gone */
function compare(name: string, left: readonly Entry[], right: readonly Entry[]): void {
  const known = KNOWN_DIFFERENCES.filter((each) => each.testCase.test(name))
  const seen = new Set<unknown>()
  const lines: string[] = []
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const found = differences(left[i]?.got, right[i]?.got).filter((difference) => {
      const reason = known.find((each) => each.path.test(difference.path))
      if (reason !== undefined) seen.add(reason)
      return reason === undefined
    })
    if (found.length === 0) continue
    lines.push(`  ${left[i]?.did ?? right[i]?.did}`)
    for (const { path, real: theirs, ours: mine } of found) {
      lines.push(
        `    ${path === '' ? '(all)' : path}`,
        `      nats-server  ${theirs}`,
        `      contrail     ${mine}`,
      )
    }
  }
  if (lines.length > 0) assert.fail(`differs from nats-server\n${lines.join('\n')}`)
  for (const each of known)
    assert.ok(seen.has(each), `no longer different, take it out of the table: ${each.reason}`)
}
