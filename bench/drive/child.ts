import { join } from 'node:path'
import type { Contest } from '../row.ts'
import { runCommand } from './command.ts'

/** Runs a script of this folder in a fresh Node process and reads the one figure it prints last. */
export async function runChild(contest: Contest, args: string[], name = 'in-process.js'): Promise<number> {
  const script = join(import.meta.dirname, name)
  const { output } = await runCommand(process.execPath, [...contest.nodeFlags, script, ...args])
  const figure = Number(output.trim().split('\n').at(-1))
  if (!Number.isFinite(figure))
    throw new Error(`${name} ${args[0]} printed no figure:\n${output.slice(-600)}`)
  return figure
}
