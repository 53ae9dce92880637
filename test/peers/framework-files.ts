/** The framework's test files (test/app), to be run on other brokers than their own. */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './servers.ts'

const folder = join(root, 'build', 'test', 'app')
const FILE_MS = 180_000

export function frameworkFiles(): string[] {
  return readdirSync(folder).filter((file) => file.endsWith('.test.js'))
}

/** Runs one in a process of its own; resolves to its exit code and what it printed. */
export function runTestFile(
  file: string,
  environment: Record<string, string>,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
    const child = spawn(process.execPath, ['--test', '--test-reporter=spec', join(folder, file)], {
      env: { ...inherited, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: FILE_MS,
    })
    let output = ''
    child.stdout.on('data', (bytes) => {
      output += bytes
    })
    child.stderr.on('data', (bytes) => {
      output += bytes
    })
    child.on('error', reject)
    child.on('exit', (code) => resolve({ code, output }))
  })
}
