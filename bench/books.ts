/** The two benches: the table's rows, and those of scale. */
import { type Book, resultsMarkdown } from './report/results.ts'
import { rows } from './rows/index.ts'
import { rowOf } from './scale/on-load.ts'
import { scaleMarkdown } from './scale/report/markdown.ts'
import { pictures } from './scale/report/pictures.ts'
import { scaleRows } from './scale/rows/index.ts'

export const table: Book = {
  rows,
  kept: 'bench/results.json',
  report: 'bench/RESULTS.md',
  markdown: resultsMarkdown,
}

export const scale: Book = {
  rows: scaleRows.map(rowOf),
  kept: 'bench/scale/results.json',
  report: 'bench/SCALE.md',
  markdown: scaleMarkdown,
  pictures,
}
