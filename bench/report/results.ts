/** Keeps each row's last result, and writes bench/RESULTS.md from them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Row } from '../row.ts'
import type { RowResult } from '../run-row.ts'
import { rootFolder } from '../servers/tools.ts'
import { linesOf } from './lines.ts'
import type { Machine } from './machine.ts'

interface Kept {
  readonly machine: Machine
  readonly results: Record<string, RowResult>
}

const keptPath = join(rootFolder, 'bench', 'results.json')
const resultsPath = join(rootFolder, 'bench', 'RESULTS.md')

/** Adds `results` to what was kept; figures of another machine or other versions of the peers are dropped. */
export function keepResults(machine: Machine, rows: readonly Row[], results: RowResult[]): void {
  const before = readKept()
  const kept: Kept = { machine, results: before && same(before.machine, machine) ? before.results : {} }
  for (const result of results) kept.results[result.row] = result
  for (const name of Object.keys(kept.results))
    if (!rows.some((row) => row.name === name)) delete kept.results[name]
  writeFileSync(keptPath, `${JSON.stringify(kept, null, 1)}\n`)
  writeFileSync(resultsPath, markdown(kept, rows))
}

function readKept(): Kept | null {
  try {
    return JSON.parse(readFileSync(keptPath, 'utf8')) as Kept
  } catch {
    return null
  }
}

function same(one: Machine, other: Machine): boolean {
  return one.processor === other.processor && one.cores === other.cores && one.natsServer === other.natsServer
}

function markdown({ machine, results }: Kept, rows: readonly Row[]): string {
  const text: string[] = []
  const shorts: string[] = []
  for (const row of rows) {
    const result = results[row.name]
    if (result === undefined) continue
    text.push(
      '',
      `## ${row.name}`,
      '',
      `${row.how}. ${result.rounds} ${result.rounds === 1 ? 'round' : 'rounds'}, ${result.date.slice(0, 16)}Z.`,
    )
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
    for (const [contender, message] of Object.entries(result.failures)) {
      text.push('', `Failed (${contender}): ${message.split('\n')[0]}`)
    }
  }
  const head = [
    '# Bench results',
    '',
    'Written by `npm run bench`; how it measures is in [docs/benchmarks.md](../docs/benchmarks.md).',
    '',
    `- Machine: ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}; the load generator shares the cores`,
    `- Contrail ${machine.contrail} on Node ${machine.node}: every acknowledgement after fdatasync`,
    `- nats-server ${machine.natsServer}: \`default\` acknowledges before the disk; \`sync always\` has \`sync_interval: always\``,
    `- nats CLI ${machine.nats}`,
    '',
    'Medians (lowest–highest) of rounds in turns; a ratio is Contrail’s median divided by the other’s.',
    '',
    shorts.length === 0 ? 'No target is missed.' : 'Short of the target:',
    ...shorts,
  ]
  return `${[...head, ...text].join('\n')}\n`
}
