/** Every row, in the order of the table. */
import type { Row } from '../row.ts'
import { compressionRows } from './compression.ts'
import { copyRows } from './copies.ts'
import { coreRows } from './core.ts'
import { frameworkRows } from './framework.ts'
import { inProcessRows } from './in-process.ts'
import { kvRows } from './kv.ts'
import { mappingRows } from './mappings.ts'
import { publishRows } from './publish.ts'
import { readRows } from './read.ts'
import { restartRows } from './restart.ts'
import { startRows } from './start.ts'
import { workQueueRows } from './work-queue.ts'

export const rows: readonly Row[] = [
  ...coreRows,
  ...publishRows,
  ...mappingRows,
  ...readRows,
  ...copyRows,
  ...compressionRows,
  ...workQueueRows,
  ...kvRows,
  ...inProcessRows,
  ...frameworkRows,
  ...startRows,
  ...restartRows,
]
