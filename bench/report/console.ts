/** What the bench prints while it runs. */
import type { Row } from '../row.ts'
import type { RowResult } from '../run-row.ts'
import { type Line, linesOf } from './lines.ts'

const widths = { measure: 26, contrail: 34, opponent: 34, opponentName: 13, ratio: 8, target: 12 } as const

/** A line that the next one overwrites; where the output is no terminal, nothing. */
export function progress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K  ${text}`)
}

export function printRow(row: Row, result: RowResult): void {
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K')
  for (const line of linesOf(row, result)) console.log(`  ${columns(line)}`)
  for (const [contender, message] of Object.entries(result.failures)) {
    console.log(`  FAILED ${contender}: ${message.trim().replaceAll('\n', '\n    ')}`)
  }
}

export function printHead(): void {
  console.log(
    `  ${columns({
      measure: '',
      contrail: 'Contrail',
      opponent: 'opponent',
      opponentName: '',
      ratio: 'ratio',
      target: 'target',
      verdict: '',
      compared: '',
    })}`,
  )
}

function columns(line: Line): string {
  let text = ''
  for (const [column, width] of Object.entries(widths))
    text += line[column as keyof typeof widths].padEnd(width)
  return (text + line.verdict).trimEnd()
}
