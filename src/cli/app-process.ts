/** An app of the user's in a process of its own: with the means to read TypeScript, where Node has none. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { CommandFailure } from './failure.ts'

const TYPESCRIPT = /\.[cm]?tsx?$/

/** The file that imports the app and runs what it exports; beside us, or beside the bundle. */
function entryPath(): string {
  const candidates = ['./entry.js', '../cli/entry.js'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  )
  return candidates.find((path) => existsSync(path)) ?? candidates[0]
}

/** Flags for Node that a file needs. @throws CommandFailure */
function loaderFlags(file: string): string[] {
  if (!TYPESCRIPT.test(file)) return []
  if ((process.features as { typescript?: unknown }).typescript) return []
  try {
    const tsx = createRequire(pathToFileURL(resolve('package.json'))).resolve('tsx')
    return ['--import', pathToFileURL(tsx).href]
  } catch {
    throw new CommandFailure(
      `Node ${process.version} does not read TypeScript by itself: npm install --save-dev tsx, or use Node 22.18 or newer.`,
    )
  }
}

/** @throws CommandFailure when there is no such file, or nothing that reads it */
export function appFile(word: string | undefined, command: string): string {
  if (word === undefined) throw new CommandFailure(`Which app? For example: contrail ${command} app.ts`, 2)
  const path = resolve(word)
  if (!existsSync(path)) throw new CommandFailure(`There is no file ${path}.`)
  loaderFlags(path)
  return path
}

/** Starts an app; its output is ours. */
export function startApp(
  file: string,
  environment: Record<string, string>,
  nodeFlags: readonly string[] = [],
): ChildProcess {
  return spawn(process.execPath, [...nodeFlags, ...loaderFlags(file), entryPath(), file], {
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  })
}

/** For sentences, where an exit code stands for a signal: `, by SIGKILL`. */
export function signalText(code: number): string {
  const name = Object.entries(constants.signals).find(([, number]) => code === 128 + number)?.[0]
  return name === undefined ? '' : `, by ${name}`
}

/** Resolves to the exit code; 128 and the signal's number for an end by signal. */
export function ended(child: ChildProcess): Promise<number> {
  return new Promise((done, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => done(code ?? 128 + constants.signals[signal as NodeJS.Signals]))
  })
}
