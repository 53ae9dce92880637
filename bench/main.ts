/** `npm run bench`: Contrail and nats-server side by side. */
import { loadavg } from 'node:os'
import { scale, table } from './books.ts'
import { countOf, readOptions, usage } from './options.ts'
import { printHead, printRow, progress } from './report/console.ts'
import { describeMachine } from './report/machine.ts'
import { keepResults } from './report/results.ts'
import { runRow } from './run-row.ts'
import { findTools } from './servers/tools.ts'

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options === null) return console.log(usage)
  const book = options.scale ? scale : table
  const named = book.rows.filter(({ name }) => name.toLowerCase().includes((options.row ?? '').toLowerCase()))
  const chosen = named.filter(
    (row) => (row.flag === undefined || options[row.flag]) && !(options.short && row.isLong),
  )
  if (options.list) {
    for (const row of named) {
      const notes = `${row.flag ? ' (--ten-million)' : ''}${row.isLong ? ' (not with --short)' : ''}`
      console.log(`${row.name}\n    ${row.how}${notes}`)
    }
    return
  }
  if (chosen.length === 0) throw new Error(`no row's name contains "${options.row}"; --list names them`)
  const tools = findTools()
  const machine = describeMachine(tools)
  console.log(
    Object.entries(machine)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  )
  const busy = loadavg()[0]
  if (busy > machine.cores / 2) {
    console.log(`The machine is busy with other things (load ${busy.toFixed(1)}): the figures will be off.`)
  }
  printHead()
  const begun = performance.now()
  const count = countOf(options)
  let failed = 0
  for (const [i, row] of chosen.entries()) {
    const minutes = ((performance.now() - begun) / 60_000).toFixed(1)
    console.log(`[${i + 1}/${chosen.length}, ${minutes} min] ${row.name}`)
    const rounds = Math.min(options.rounds, row.rounds ?? options.rounds)
    const result = await runRow(
      row,
      rounds,
      (contender) => ({ contender, tools, nodeFlags: [], count }),
      progress,
    )
    printRow(row, result)
    failed += Object.keys(result.failures).length
    // Kept row by row: an interrupted run loses nothing.
    if (!options.quick) keepResults(machine, book, [result])
  }
  console.log(
    `${((performance.now() - begun) / 60_000).toFixed(1)} min${options.quick ? '' : `; ${book.report} is written`}`,
  )
  if (failed > 0) process.exitCode = 1
}

main()
  .catch((error: Error) => {
    console.error(error.message)
    process.exitCode = 1
  })
  // A row that failed may have left a connection open; what it started is ended on exit.
  .finally(() => process.exit())
