/** The results of an axis, by measure, server and size. */
import { type MeasureName, measureNames } from '../../measures.ts'
import type { Kept } from '../../report/results.ts'
import type { ContenderName } from '../../row.ts'
import type { RowResult } from '../../run-row.ts'
import type { Axis } from '../growth/axes.ts'
import { axes, scaleRows } from '../rows/index.ts'

export interface Point {
  readonly size: number
  readonly contrail?: number
  readonly theirs?: number
}

export interface Growth {
  readonly axis: Axis
  /** What there is of the axis, in the order of the sizes. */
  readonly results: readonly RowResult[]
  /** A curve for each measure that has figures. */
  readonly curves: ReadonlyMap<MeasureName, readonly Point[]>
  /** What went wrong, with the size. */
  readonly failures: readonly string[]
}

/** The axes that have results. */
export function growths({ results }: Kept): Growth[] {
  return axes.map((axis) => growthOf(axis, results)).filter((growth) => growth.results.length > 0)
}

function growthOf(axis: Axis, kept: Record<string, RowResult>): Growth {
  const results: RowResult[] = []
  const sizes: number[] = []
  const failures: string[] = []
  for (const { name, growth } of scaleRows) {
    const result = kept[name]
    if (growth?.axis !== axis.name || result === undefined) continue
    results.push(result)
    sizes.push(growth.size)
    for (const [contender, message] of Object.entries(result.failures))
      failures.push(`${growth.size.toLocaleString('en-US')}, ${contender}: ${message.split('\n')[0]}`)
  }
  const curves = new Map<MeasureName, Point[]>()
  for (const measure of measureNames) {
    const figure = (result: RowResult, contender: ContenderName) =>
      result.figures[contender]?.[measure]?.median
    const points = results.map((result, i) => ({
      size: sizes[i],
      contrail: figure(result, 'contrail'),
      theirs: figure(result, 'default'),
    }))
    if (points.some(({ contrail, theirs }) => (contrail ?? theirs) !== undefined)) curves.set(measure, points)
  }
  return { axis, results, curves, failures }
}

/** The name of an axis in names of files. */
export function fileName({ name }: Axis): string {
  return `${name.replaceAll(' ', '-')}.svg`
}
