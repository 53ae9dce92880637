/** Turns a row's result into the table's lines: one per measure and opponent, with target and verdict. */
import { type MeasureName, measureNames, measures } from '../measures.ts'
import type { ContenderName, Row, Target } from '../row.ts'
import type { Figure, RowResult } from '../run-row.ts'

export interface Line {
  readonly measure: string
  readonly contrail: string
  readonly opponent: string
  readonly opponentName: string
  /** Contrail's figure divided by the opponent's; for absolute targets empty. */
  readonly ratio: string
  readonly target: string
  readonly verdict: '' | 'reached' | 'SHORT' | 'not measured'
  /** What was held against the target, for the list of what falls short. */
  readonly compared: string
}

export const contenderWords: Record<ContenderName, string> = {
  contrail: 'Contrail',
  default: 'default',
  always: 'sync always',
  commit: 'bare commit',
  client: 'nats.js',
  tcp: 'over TCP',
  bullmq: 'BullMQ',
}

export function linesOf(row: Row, result: RowResult): Line[] {
  const lines: Line[] = []
  const opponents = row.contenders.filter((name) => name !== 'contrail')
  const ours = result.figures.contrail ?? {}
  for (const measure of measureNames) {
    const mine = ours[measure]
    const absolute = row.targets.find((target) => target.measure === measure && target.against === undefined)
    let shown = 0
    for (const opponent of opponents) {
      const theirs = result.figures[opponent]?.[measure]
      const relative = row.targets.find((target) => target.measure === measure && target.against === opponent)
      const telling = row.contenders.includes('contrail')
        ? isTelling(measure, opponent)
        : theirs !== undefined
      if ((mine === undefined && theirs === undefined) || !(relative || telling)) continue
      lines.push(line(measure, mine, theirs, opponent, relative ?? (shown === 0 ? absolute : undefined)))
      shown++
    }
    if (opponents.length === 0 && ours[measure])
      lines.push(line(measure, ours[measure], undefined, null, absolute))
  }
  return lines
}

/**
 * Not every measure against every opponent: throughput against all, the rest against nats-server as it
 * comes.
 */
function isTelling(measure: MeasureName, opponent: ContenderName): boolean {
  if (opponent === 'commit' || measure === 'perMessage') return false
  return opponent === 'default' || measure === 'rate' || measure === 'throughput'
}

function line(
  measure: MeasureName,
  mine: Figure | undefined,
  theirs: Figure | undefined,
  opponent: ContenderName | null,
  target: Target | undefined,
): Line {
  const ratio = mine && theirs ? mine.median / theirs.median : Number.NaN
  const absolute = target?.against === undefined
  const compared = absolute ? (mine?.median ?? Number.NaN) : ratio
  return {
    measure: measures[measure].label,
    contrail: mine ? show(measure, mine) : '',
    opponent: theirs ? show(measure, theirs) : '',
    opponentName: opponent && theirs ? contenderWords[opponent] : '',
    ratio: Number.isFinite(ratio) ? ratio.toFixed(2) : '',
    target: target ? describe(target) : '',
    verdict: target === undefined ? '' : verdict(target, compared),
    compared: absolute
      ? number(compared, measures[measure].digits)
      : `${ratio.toFixed(2)} times ${contenderWords[target.against]}`,
  }
}

function verdict({ atLeast, atMost }: Target, value: number): Line['verdict'] {
  if (!Number.isFinite(value)) return 'not measured'
  return value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity) ? 'reached' : 'SHORT'
}

function describe({ atLeast, atMost }: Target): string {
  return atLeast !== undefined ? `≥ ${number(atLeast, 2)}` : `≤ ${number(atMost as number, 2)}`
}

function show(measure: MeasureName, { median, lowest, highest }: Figure): string {
  const { digits } = measures[measure]
  const text = number(median, digits)
  return lowest === highest ? text : `${text} (${number(lowest, digits)}–${number(highest, digits)})`
}

/** With separators, and at most so many digits behind the point. */
function number(value: number, digits: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: digits })
}
