/** The bench's flags. */
import { parseArgs } from 'node:util'

export interface Options {
  /** Only rows whose name contains this. */
  readonly row?: string
  readonly list: boolean
  readonly rounds: number
  readonly quick: boolean
  readonly tenMillion: boolean
  /** The rows of scale instead of the table's. */
  readonly scale: boolean
  /** Without the long rows. */
  readonly short: boolean
}

export const usage = `npm run bench -- [flags]
  --row NAME      only the rows whose name contains NAME
  --list          name the rows and end
  --rounds N      rounds a row (5); the median counts
  --quick         one round of a twentieth of the messages, to see that all runs; writes no results
  --ten-million   also the rows with 10 M stored messages and with 10 GiB (about 25 GB of temporary disk)
  --scale         the rows of scale and of growth instead: results go to bench/SCALE.md
  --short         without the rows that take long: with --scale a few minutes altogether
Results go to bench/RESULTS.md; a row that is run again replaces its own lines there.`

const defaultRounds = 5
const quickPart = 0.05

export function readOptions(argv: string[]): Options | null {
  const { values } = parseArgs({
    args: argv,
    options: {
      row: { type: 'string' },
      list: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      'ten-million': { type: 'boolean', default: false },
      scale: { type: 'boolean', default: false },
      short: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  const quick = values.quick
  const rounds = Number(values.rounds ?? (quick ? 1 : defaultRounds))
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1')
  const { row, list, scale, short, 'ten-million': tenMillion } = values
  return { row, list, rounds, quick, tenMillion, scale, short }
}

/** How many messages a sample takes under these options. */
export function countOf(options: Options): (messages: number) => number {
  return (messages) => (options.quick ? Math.max(200, Math.round(messages * quickPart)) : messages)
}
