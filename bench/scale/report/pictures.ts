/** A picture for each axis of growth: a panel for each operation, both scales logarithmic. */
import { measures } from '../../measures.ts'
import type { Kept } from '../../report/results.ts'
import { fileName, type Growth, growths, type Point } from './growth.ts'
import { tick } from './short.ts'

const panel = { width: 300, height: 190, left: 52, right: 22, top: 34, bottom: 28 } as const
const perLine = 3
const headHeight = 34
const servers = [
  { key: 'contrail', name: 'Contrail', color: '#0b6e4f' },
  { key: 'theirs', name: 'nats-server', color: '#c0582b' },
] as const

export function pictures(kept: Kept): Map<string, string> {
  return new Map(growths(kept).map((growth) => [`bench/scale/${fileName(growth.axis)}`, picture(growth)]))
}

function picture({ axis, curves }: Growth): string {
  const columns = Math.min(perLine, curves.size)
  const width = Math.max(columns, 2) * panel.width
  const height = headHeight + Math.ceil(curves.size / perLine) * panel.height
  const legend = servers.map(({ name, color }, i) => {
    const x = width - 210 + i * 95
    return `<line x1="${x}" y1="18" x2="${x + 16}" y2="18" stroke="${color}" stroke-width="2"/>${text(x + 20, 22, name)}`
  })
  const panels = [...curves].map(([measure, points], i) => {
    const x = (i % perLine) * panel.width
    const y = headHeight + Math.floor(i / perLine) * panel.height
    const { label } = measures[measure]
    const unit = measure === 'resident' ? '' : ' /s'
    return `<g transform="translate(${x} ${y})">${text(panel.left, 20, label + unit, 'font-weight="bold"')}${plot(points)}</g>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" fill="#222">`,
    `<title>Growth with ${axis.name}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(14, 22, `Growth with ${axis.name}`, 'font-size="14" font-weight="bold"'),
    ...legend,
    ...panels,
    '</svg>',
    '',
  ].join('\n')
}

/** One panel: whole decades of the figures, a line for each server. */
function plot(points: readonly Point[]): string {
  const values = points
    .flatMap(({ contrail, theirs }) => [contrail, theirs])
    .filter((value) => (value ?? 0) > 0)
  const lowest = Math.floor(Math.log10(Math.min(...(values as number[]))))
  const highest = Math.max(lowest + 1, Math.ceil(Math.log10(Math.max(...(values as number[])))))
  const y = place(lowest, highest, panel.height - panel.bottom, panel.top)
  const sizes = points.map(({ size }) => Math.log10(size))
  const first = sizes[0]
  const x = place(first, Math.max(first + 1, sizes[sizes.length - 1]), panel.left, panel.width - panel.right)
  const parts: string[] = []
  for (let decade = lowest; decade <= highest; decade++) {
    const at = y(decade)
    parts.push(
      `<line x1="${panel.left}" y1="${at}" x2="${panel.width - panel.right}" y2="${at}" stroke="#ddd"/>`,
      text(panel.left - 6, at + 4, tick(10 ** decade), 'text-anchor="end"'),
    )
  }
  for (const { size } of points) {
    parts.push(
      text(x(Math.log10(size)), panel.height - panel.bottom + 16, tick(size), 'text-anchor="middle"'),
    )
  }
  for (const { key, color } of servers) {
    const places = points
      .filter((point) => (point[key] ?? 0) > 0)
      .map((point) => `${x(Math.log10(point.size))},${y(Math.log10(point[key] as number))}`)
    parts.push(`<polyline points="${places.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>`)
    for (const at of places) {
      const [cx, cy] = at.split(',')
      parts.push(`<circle cx="${cx}" cy="${cy}" r="2.5" fill="${color}"/>`)
    }
  }
  return parts.join('')
}

function place(from: number, to: number, start: number, end: number): (value: number) => number {
  return (value) => Math.round((start + ((value - from) / (to - from)) * (end - start)) * 10) / 10
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x}" y="${y}"${attributes && ` ${attributes}`}>${content}</text>`
}
