/** Holds the transcripts of the two sides against each other. */
import assert from 'node:assert/strict'
import { type Difference, differences } from './differences.ts'
import { KNOWN_DIFFERENCES } from './known-differences.ts'
import type { Entry } from './session.ts'

/** What was done before a difference in a script made by chance: so many entries are shown. */
const HISTORY = Number(process.env.HISTORY ?? 8)
/** How much of an answer is shown of these, in characters. */
const SHOWN_LENGTH = Number(process.env.SHOWN ?? 400)

/** @throws AssertionError that shows each difference not known, or a known one that is gone */
export function compare(name: string, left: readonly Entry[], right: readonly Entry[]): void {
  const known = KNOWN_DIFFERENCES.filter((each) => each.testCase.test(name))
  const seen = new Set<unknown>()
  const shown: string[] = []
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const found = differences(left[i]?.got, right[i]?.got).filter((difference) => {
      const reason = known.find((each) => each.path.test(difference.path))
      if (reason !== undefined) seen.add(reason)
      return reason === undefined
    })
    if (found.length === 0) continue
    shown.push(`  ${left[i]?.did ?? right[i]?.did}`, ...found.flatMap(lines))
  }
  if (shown.length > 0) assert.fail(`differs from nats-server\n${shown.join('\n')}`)
  for (const each of known)
    assert.ok(seen.has(each), `no longer different, take it out of the table: ${each.reason}`)
}

/** Have two plays of one side brought the same? */
export function areSame(left: readonly Entry[], right: readonly Entry[]): boolean {
  if (left.length !== right.length) return false
  return left.every(({ got }, i) => differences(got, right[i].got).length === 0)
}

/**
 * Of a script made by chance only the first difference counts: whatever comes after may be its consequence.
 * @throws AssertionError that shows it with what was done before
 */
export function compareFirst(left: readonly Entry[], right: readonly Entry[]): void {
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const found = differences(left[i]?.got, right[i]?.got)
    if (found.length === 0) continue
    const before = left
      .slice(Math.max(0, i - HISTORY), i)
      .map(({ did, got }) => `  ${did}\n    ${brief(got)}`)
    const did = left[i]?.did ?? right[i]?.did
    assert.fail(`differs from nats-server\n${[...before, `  ${did}`, ...found.flatMap(lines)].join('\n')}`)
  }
}

function brief(got: unknown): string {
  const text = JSON.stringify(got) ?? ''
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text
}

function lines({ path, real, ours }: Difference): string[] {
  return [`    ${path === '' ? '(all)' : path}`, `      nats-server  ${real}`, `      contrail     ${ours}`]
}
