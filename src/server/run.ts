import { ConfigError, readConfigFile } from './config/index.ts'
import { CommandError, type CommandLine, FlagError, parseCommandLine } from './flags.ts'
import { ServerFault } from './guard.ts'
import type { Launch } from './launch.ts'
import { TextLogger } from './logger.ts'
import { temporaryStoreDir } from './options.ts'
import { PidFile, PortsFile } from './process-files.ts'
import { EXIT_BY_FAULT, ProcessWatch } from './process-watch.ts'
import { Server } from './server.ts'
import { USAGE } from './usage.ts'
import { COMPATIBLE_VERSION, CONTRAIL_VERSION } from './versions.ts'

const NAME = 'contrail-server'
const DEFAULT_PORT = 4222
const DEFAULT_HOST = '0.0.0.0'

/** Runs `contrail-server` with these words of the command line, until a signal ends it. */
export async function run(words: readonly string[]): Promise<void> {
  // Before anything else: a signal may come at any time.
  const watch = new ProcessWatch()
  const line = readCommandLine(words)
  if (line === null) return
  if (line.wants === 'help') process.stdout.write(USAGE)
  else if (line.wants === 'version')
    console.log(`${NAME}: v${CONTRAIL_VERSION} (nats-server v${COMPATIBLE_VERSION})`)
  else await launch(line, watch)
}

function readCommandLine(words: readonly string[]): CommandLine | null {
  try {
    return parseCommandLine(words)
  } catch (error) {
    if (error instanceof FlagError) {
      console.error(error.message)
      process.stdout.write(USAGE)
    } else if (error instanceof CommandError) {
      giveUp(error.message)
    } else {
      throw error
    }
    return null
  }
}

async function launch(line: CommandLine, watch: ProcessWatch): Promise<void> {
  const wanted = readConfiguration(line)
  if (wanted === null) return
  if (line.wants === 'check') {
    console.error(`${NAME}: configuration file ${line.configFile} is valid (${wanted.server.configDigest})`)
    return
  }
  let logger: TextLogger
  try {
    logger = new TextLogger(wanted.log)
  } catch (error) {
    giveUp(`error opening file: ${(error as Error).message}`)
    return
  }
  watch.use(logger)
  await serve(wanted, logger)
}

/** The configuration file, and the flags over it; null after an error was shown. */
function readConfiguration(line: CommandLine): Launch | null {
  const wanted: Launch = { server: {}, log: {} }
  try {
    if (line.configFile !== null) {
      const { warnings, notices, digest } = readConfigFile(line.configFile, wanted)
      wanted.server.configDigest = digest
      // As nats-server: what only warns of at a start fails a check.
      if (line.wants === 'check' && warnings.length > 0) throw new ConfigError(`${warnings.join('\n')}\n`)
      for (const each of [...warnings, ...notices]) console.error(each)
    } else if (line.wants === 'check') {
      throw new ConfigError('must specify [-c, --config] option to check configuration file syntax')
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    giveUp(error.message)
    return null
  }
  line.apply(wanted)
  const { server } = wanted
  server.host ??= DEFAULT_HOST
  // As in nats-server, 0 is "not said", and -1 any free port.
  server.port = server.port || DEFAULT_PORT
  if (server.monitorPort === 0) server.monitorPort = undefined
  // A store folder alone does not switch JetStream on here.
  server.jetstream ??= false
  server.trace = wanted.log.trace ?? false
  if (server.jetstream) server.storeDir ??= temporaryStoreDir()
  return wanted
}

async function serve(wanted: Launch, logger: TextLogger): Promise<void> {
  const stop = new AbortController()
  let server: Server | null = null
  const end = (name: string) => {
    logger.log('info', `Trapped "${name}" signal`)
    logger.log('info', 'Initiating Shutdown...')
    // How it ends is told by `closed`.
    stop.abort()
  }
  process.on('SIGTERM', () => end('terminated'))
  process.on('SIGINT', () => end('interrupt'))
  let pidFile: PidFile | null = null
  let portsFile: PortsFile | null = null
  try {
    server = await Server.start({ ...wanted.server, logger, signal: stop.signal })
    if (wanted.pidFile !== undefined) pidFile = PidFile.write(wanted.pidFile)
    if (wanted.portsFileDir !== undefined) portsFile = PortsFile.write(wanted.portsFileDir, NAME, server)
  } catch (error) {
    await server?.stop().catch(() => {})
    if (!stop.signal.aborted) {
      if (!(error instanceof ServerFault)) logger.log('fatal', (error as Error).message)
      process.exitCode = 1
    }
  }
  try {
    await server?.closed
  } catch (error) {
    // A fault is in the log already.
    if (!(error instanceof ServerFault)) logger.log('fatal', (error as Error).message)
    process.exitCode = error instanceof ServerFault ? EXIT_BY_FAULT : 1
  }
  pidFile?.remove()
  portsFile?.remove()
  if (!process.exitCode) logger.log('info', 'Server Exiting..')
  logger.close()
  process.exit(process.exitCode ?? 0)
}

function giveUp(text: string): void {
  console.error(`${NAME}: ${text}`)
  process.exitCode = 1
}
