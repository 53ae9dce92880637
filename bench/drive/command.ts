/** Runs a program to its end, with a limit on how long that may take. */
import { spawn } from 'node:child_process'
import { endWithUs } from '../servers/ending.ts'

export interface Finished {
  readonly output: string
  /** Wall-clock seconds from spawn to exit. */
  readonly seconds: number
}

export interface Running {
  /**
   * Resolves when the program ended with code 0; rejects with what it said otherwise, or when it took too
   * long.
   */
  readonly finished: Promise<Finished>
  /** Resolves when the output contains `text`. */
  says(text: string): Promise<void>
  /** Ends it; `finished` then resolves whatever the code. */
  end(): void
}

const defaultTimeoutMs = 120_000

export function startCommand(command: string, args: string[], timeoutMs = defaultTimeoutMs): Running {
  const begun = performance.now()
  const child = endWithUs(spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] }))
  let output = ''
  let ended = false
  const waiting: { text: string; resolve: () => void }[] = []
  const onData = (chunk: Buffer) => {
    output += chunk.toString()
    for (const one of waiting) if (output.includes(one.text)) one.resolve()
  }
  child.stdout.on('data', onData)
  child.stderr.on('data', onData)
  const finished = new Promise<Finished>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`${args.join(' ')}: not done after ${timeoutMs / 1000} s\n${lastLines(output)}`))
    }, timeoutMs)
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(timer)
      for (const one of waiting) one.resolve()
      const seconds = (performance.now() - begun) / 1000
      if (code === 0 || ended) resolve({ output, seconds })
      else reject(new Error(`${args.join(' ')}: exit code ${code}\n${lastLines(output)}`))
    })
  })
  // Whoever awaits it gets the rejection; this keeps one that comes early from ending the bench.
  finished.catch(() => {})
  return {
    finished,
    says: (text) =>
      new Promise((resolve) => {
        if (output.includes(text)) resolve()
        else waiting.push({ text, resolve })
      }),
    end: () => {
      ended = true
      child.kill('SIGTERM')
    },
  }
}

/** The lines that name an error, or the last ones. */
function lastLines(output: string): string {
  const lines = output.trim().split('\n')
  const errors = lines.filter((line) => /error/i.test(line) && !/^\s+at /.test(line))
  return (errors.length > 0 ? errors : lines).slice(-3).join('\n')
}

export function runCommand(command: string, args: string[], timeoutMs?: number): Promise<Finished> {
  return startCommand(command, args, timeoutMs).finished
}
