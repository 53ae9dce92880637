import { join } from 'node:path'
import type { Contest } from '../row.ts'
import { runCommand } from './command.ts'

/** Runs `in-process.js` in a fresh Node process and reads the one figure it prints last. */
export async function runChild(contest: Contest, args: string[]): Promise<number> {
  const script = join(import.meta.dirname, 'in-process.js')
  const { output } = await runCommand(process.execPath, [...contest.nodeFlags, script, ...args])
  const figure = Number(output.trim().split('\n').at(-1))
  if (!Number.isFinite(figure))
    throw new Error(`in-process ${args[0]} printed no figure:\n${output.slice(-600)}`)
  return figure
}
