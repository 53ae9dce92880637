/** Every row of scale, in the order of the report. */
import { basicAxes, growthRows } from '../growth/axes.ts'
import { wideAxes } from '../growth/wide.ts'
import type { ScaleRow } from '../row.ts'
import { consumerRows } from './consumers.ts'
import { expiryRows } from './expiry.ts'
import { memoryRows } from './memory.ts'
import { overwriteRows } from './overwrite.ts'
import { promiseRows } from './promises.ts'
import { streamRows } from './streams.ts'
import { subjectRows } from './subjects.ts'

export const axes = [...basicAxes, ...wideAxes]

export const scaleRows: readonly ScaleRow[] = [
  ...overwriteRows,
  ...consumerRows,
  ...expiryRows,
  ...subjectRows,
  ...promiseRows,
  ...streamRows,
  ...memoryRows,
  ...growthRows(axes),
]
