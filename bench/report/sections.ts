/** A section of markdown for each row that has a result, and the list of what falls short. */
import type { Row } from '../row.ts'
import type { RowResult } from '../run-row.ts'
import { linesOf } from './lines.ts'
import type { Machine } from './machine.ts'

export interface Sections {
  readonly text: string[]
  readonly shorts: string[]
}

export function sectionsOf(rows: readonly Row[], results: Record<string, RowResult>): Sections {
  const text: string[] = []
  const shorts: string[] = []
  for (const row of rows) {
    const result = results[row.name]
    if (result === undefined) continue
    text.push('', `## ${row.name}`, '', `${row.how}. ${rounds(result)}`)
    const lines = linesOf(row, result)
    if (lines.length > 0) {
      text.push(
        '',
        '| measure | Contrail | nats-server | which | ratio | target | |',
        '| --- | --- | --- | --- | --- | --- | --- |',
      )
    }
    for (const line of lines) {
      const verdict = line.verdict === 'SHORT' ? '**short**' : line.verdict
      text.push(
        `| ${line.measure} | ${line.contrail} | ${line.opponent} | ${line.opponentName} | ${line.ratio} | ${line.target} | ${verdict} |`,
      )
      if (line.verdict === 'SHORT' || line.verdict === 'not measured') {
        const found = line.verdict === 'SHORT' ? line.compared : line.verdict
        shorts.push(`- ${row.name}: ${line.measure} ${found}, target ${line.target}`)
      }
    }
    text.push(...failures(result))
  }
  return { text, shorts }
}

/** How often and when it was measured. */
export function rounds({ rounds, date }: RowResult): string {
  return `${rounds} ${rounds === 1 ? 'round' : 'rounds'}, ${date.slice(0, 16)}Z.`
}

function failures(result: RowResult): string[] {
  return Object.entries(result.failures).flatMap(([contender, message]) => [
    '',
    `Failed (${contender}): ${message.split('\n')[0]}`,
  ])
}

/** The lines that say what was measured, and on what. */
export function machineLines(machine: Machine): string[] {
  return [
    `- Machine: ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}; the load generator shares the cores`,
    `- Contrail ${machine.contrail} on Node ${machine.node}: every acknowledgement after fdatasync`,
    `- nats-server ${machine.natsServer}: \`default\` acknowledges before the disk; \`sync always\` has \`sync_interval: always\``,
  ]
}
