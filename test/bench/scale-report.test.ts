import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scale, table } from '../../bench/books.ts'
import type { Kept } from '../../bench/report/results.ts'
import type { RowResult } from '../../bench/run-row.ts'
import { scaleRows } from '../../bench/scale/rows/index.ts'

const figure = (median: number) => ({ median, lowest: median, highest: median })

function point(size: string, ours: number, theirs: number): RowResult {
  return {
    row: `growth: subjects, ${size}`,
    date: '2026-01-02T03:04:05Z',
    rounds: 3,
    figures: {
      contrail: { publish: figure(ours), resident: figure(50) },
      default: { publish: figure(theirs), resident: figure(20) },
    },
    failures: {},
  }
}

const results = [point('1', 100_000, 200_000), point('10', 50_000, 200_000), point('1,000', 25_000, 180_000)]
const kept: Kept = {
  machine: {
    processor: 'P',
    cores: 2,
    memoryGiB: 4,
    system: 'S',
    node: 'v20',
    contrail: '1',
    natsServer: 'v2',
    nats: 'v0',
  },
  results: Object.fromEntries(results.map((result) => [result.row, result])),
}

test('no two rows of a bench have the same name', () => {
  for (const { rows } of [scale, table]) assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length)
})

test('a row that is restarted has a server of its own for each sample', () => {
  for (const { name, isFresh, restarts } of scaleRows) if (restarts) assert.ok(isFresh, name)
})

test('an axis of growth becomes one table, with what is left of the first figure', () => {
  const text = scale.markdown(kept, scale.rows)
  assert.match(text, /## Growth: subjects/)
  assert.match(text, /\| publish \| 100 k \/ 200 k \| 50 k \/ 200 k \| 25 k \/ 180 k \| 0\.25 \/ 0\.90 \|/)
  assert.doesNotMatch(text, /## growth: /)
})

test('an axis of growth becomes one picture, with a panel for each measure and a curve for each server', () => {
  const pictures = scale.pictures?.(kept)
  assert.deepEqual([...(pictures?.keys() ?? [])], ['bench/scale/subjects.svg'])
  const svg = pictures?.get('bench/scale/subjects.svg') ?? ''
  assert.equal(svg.match(/<polyline/g)?.length, 4)
  assert.equal(svg.match(/<circle/g)?.length, 12)
  assert.ok(!svg.includes('NaN'))
})
