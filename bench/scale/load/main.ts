/**
 * The process that loads one server for one row: it makes ready, says so, and takes a sample whenever it is
 * asked for one.
 */
import { scaleRows } from '../rows/index.ts'
import { type Assignment, Stage } from './stage.ts'
import { warmUp } from './warm-up.ts'

const assignment = JSON.parse(process.argv[2]) as Assignment
const row = scaleRows.find(({ name }) => name === assignment.row)
if (row === undefined) throw new Error(`no row ${assignment.row}`)

const answer = (message: object) => process.send?.(message)
const refuse = (error: Error) => answer({ error: error.message })

try {
  const stage = await Stage.open(assignment)
  if (!row.isFresh) await warmUp(stage)
  const sample = await row.load(stage)
  process.on('message', () => {
    sample().then((figures) => answer({ figures }), refuse)
  })
  answer({ figures: {} })
} catch (error) {
  refuse(error as Error)
}
process.once('disconnect', () => process.exit())
