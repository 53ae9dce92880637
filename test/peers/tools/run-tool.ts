import { execFile } from 'node:child_process'

const TOOL_MS = 60_000

/** Runs a program to its end, with more in its environment. Its standard output and error, one after the other. */
export function runTool(
  path: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...environment }, timeout: TOOL_MS }
    execFile(path, words, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr }),
    )
  })
}
