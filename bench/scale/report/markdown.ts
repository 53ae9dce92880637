/** bench/SCALE.md: the table's rows, and for each axis of growth a picture and a table. */
import { measures } from '../../measures.ts'
import type { Kept } from '../../report/results.ts'
import { machineLines, rounds, sectionsOf } from '../../report/sections.ts'
import type { Row } from '../../row.ts'
import { fileName, type Growth, growths, type Point } from './growth.ts'
import { short } from './short.ts'

export function scaleMarkdown(kept: Kept, rows: readonly Row[]): string {
  const { text, shorts } = sectionsOf(
    rows.filter(({ name }) => !name.startsWith('growth: ')),
    kept.results,
  )
  const head = [
    '# Bench of scale',
    '',
    'Written by `npm run bench -- --scale`; how it measures is in [docs/benchmarks.md](../docs/benchmarks.md).',
    '',
    ...machineLines(kept.machine),
    '',
    'Medians (lowest–highest) of rounds in turns; a ratio is Contrail’s median divided by the other’s.',
    ...(shorts.length > 0 ? ['', 'Short of the target:', ...shorts] : []),
  ]
  return `${[...head, ...text, ...growths(kept).flatMap(section)].join('\n')}\n`
}

function section(growth: Growth): string[] {
  const { axis, results, curves, failures } = growth
  const sizes = [...curves.values()][0]?.map(({ size }) => size.toLocaleString('en-US')) ?? []
  const latest = results.reduce((one, other) => (one.date > other.date ? one : other))
  const text = [
    '',
    `## Growth: ${axis.name}`,
    '',
    `${axis.how}. Operations a second; ${rounds(latest)}`,
    '',
    `![growth with ${axis.name}](scale/${fileName(axis)})`,
    '',
    `| Contrail / nats-server | ${sizes.join(' | ')} | last ÷ first |`,
    `| --- | ${sizes.map(() => '---').join(' | ')} | --- |`,
  ]
  for (const [measure, points] of curves) {
    const cells = points.map(({ contrail, theirs }) => `${short(contrail)} / ${short(theirs)}`)
    text.push(`| ${measures[measure].label} | ${cells.join(' | ')} | ${change(points)} |`)
  }
  for (const failure of failures) text.push('', `Failed (${failure})`)
  return text
}

/** How much of the first size's figure is left at the last. */
function change(points: readonly Point[]): string {
  const ratio = (last?: number, first?: number) => (last && first ? (last / first).toFixed(2) : '–')
  const first = points[0]
  const last = points[points.length - 1]
  return `${ratio(last.contrail, first.contrail)} / ${ratio(last.theirs, first.theirs)}`
}
