/** Keeps each row's last result, and writes bench/RESULTS.md from them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Row } from '../row.ts'
import type { RowResult } from '../run-row.ts'
import { rootFolder } from '../servers/tools.ts'
import type { Machine } from './machine.ts'
import { machineLines, sectionsOf } from './sections.ts'

export interface Kept {
  readonly machine: Machine
  readonly results: Record<string, RowResult>
}

/** Rows whose results are kept together, and how they are reported. */
export interface Book {
  readonly rows: readonly Row[]
  /** The file of the results, from the project's folder. */
  readonly kept: string
  /** The report, from the project's folder. */
  readonly report: string
  markdown(kept: Kept, rows: readonly Row[]): string
  /** Other files made of the results, by their paths from the project's folder. */
  pictures?(kept: Kept): Map<string, string>
}

/** Adds `results` to what was kept; figures of another machine or other versions of the peers are dropped. */
export function keepResults(machine: Machine, book: Book, results: RowResult[]): void {
  const { rows } = book
  const keptPath = join(rootFolder, book.kept)
  const before = readKept(keptPath)
  const kept: Kept = { machine, results: before && same(before.machine, machine) ? before.results : {} }
  for (const result of results) kept.results[result.row] = result
  for (const name of Object.keys(kept.results))
    if (!rows.some((row) => row.name === name)) delete kept.results[name]
  writeFileSync(keptPath, `${JSON.stringify(kept, null, 1)}\n`)
  writeFileSync(join(rootFolder, book.report), book.markdown(kept, rows))
  for (const [path, text] of book.pictures?.(kept) ?? []) writeFileSync(join(rootFolder, path), text)
}

function readKept(path: string): Kept | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Kept
  } catch {
    return null
  }
}

function same(one: Machine, other: Machine): boolean {
  return one.processor === other.processor && one.cores === other.cores && one.natsServer === other.natsServer
}

/** The report of the table's rows. */
export function resultsMarkdown({ machine, results }: Kept, rows: readonly Row[]): string {
  const { text, shorts } = sectionsOf(rows, results)
  const head = [
    '# Bench results',
    '',
    'Written by `npm run bench`; how it measures is in [docs/benchmarks.md](../docs/benchmarks.md).',
    '',
    ...machineLines(machine),
    `- nats CLI ${machine.nats}`,
    '',
    'Medians (lowest–highest) of rounds in turns; a ratio is Contrail’s median divided by the other’s.',
    '',
    shorts.length === 0 ? 'No target is missed.' : 'Short of the target:',
    ...shorts,
  ]
  return `${[...head, ...text].join('\n')}\n`
}
