/** The command `contrail`. */
import { runCommand } from './commands.ts'

// Who reads may have had enough (`contrail streams | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

await runCommand(process.argv.slice(2))
