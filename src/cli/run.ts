/** `contrail run app.ts`: runs an app; with --watch again after each change, with --workers several times on one broker. */

import { parseArgs } from 'node:util'
import { Server, TextLogger } from '../server/index.ts'
import { appFile, ended, startApp } from './app-process.ts'
import { encryptionFromEnvironment } from './encryption.ts'
import { UsageFailure } from './failure.ts'
import { Workers } from './workers.ts'

export const help = `Usage: contrail run FILE [--watch] [--workers N] [--dir DIR] [--port PORT]

Runs the app that FILE exports (export default app), or starts by itself.

  --watch        run it again when it, or what it imports, has changed
  --workers N    run it N times; this process holds the embedded broker and they connect to it
                 (with CONTRAIL_URL set they connect there, and none is started)
  --dir DIR      with --workers: the broker's folder (default ./.contrail)
  --port PORT    with --workers: the broker's port (default: any free one)

Examples:
  contrail run app.ts
  contrail run app.ts --watch
  contrail run app.ts --workers 4
  CONTRAIL_URL=nats://10.0.0.5:4222 contrail run app.ts`

const MAX_WORKERS = 1024

export async function run(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      watch: { type: 'boolean' },
      workers: { type: 'string' },
      dir: { type: 'string' },
      port: { type: 'string' },
    },
  })
  const file = appFile(positionals[0], 'run')
  if (values.workers !== undefined) {
    await runWorkers(file, whole(values.workers, '--workers', 1, MAX_WORKERS), values)
    return
  }
  tellSignals()
  const child = startApp(file, {}, values.watch ? ['--watch', '--watch-preserve-output'] : [])
  // An app that had it from the terminal too takes it for the same.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  process.exitCode = await ended(child)
}

async function runWorkers(
  file: string,
  count: number,
  options: { dir?: string; port?: string; watch?: boolean },
): Promise<void> {
  tellSignals()
  const port = options.port === undefined ? 0 : whole(options.port, '--port', 0, 65_535)
  const given = process.env.CONTRAIL_URL || process.env.NATS_URL
  const server = given
    ? null
    : await Server.start({
        storeDir: options.dir ?? './.contrail',
        port,
        logger: new TextLogger(),
        encryption: encryptionFromEnvironment(),
      })
  const url = server?.url ?? (given as string)
  console.error(`contrail: ${count} workers on ${url}`)
  const workers = new Workers(count, (number) =>
    startApp(file, { CONTRAIL_URL: url, CONTRAIL_WORKER: String(number) }, options.watch ? ['--watch'] : []),
  )
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => workers.stop(signal))
  // It has ended by a fault: the log says so, and `stop` throws it below.
  server?.closed.catch(() => workers.stop('SIGTERM'))
  try {
    process.exitCode = await workers.run()
  } finally {
    await server?.stop()
  }
}

/** These have no meaning for the parent; the app hears of them where they are sent to the whole group. */
function tellSignals(): void {
  for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
    process.on(signal, () => console.error(`contrail: ${signal} has no effect`))
  }
}

function whole(text: string, option: string, least: number, most: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new UsageFailure(`${option}: "${text}" is no whole number from ${least} to ${most}.`)
}
