import { ConfigError, readConfigFile } from './config/index.ts'
import { CommandError, type CommandLine, FlagError, parseCommandLine } from './flags.ts'
import { ServerFault } from './guard.ts'
import type { Launch } from './launch.ts'
import type { LogOptions } from './logger.ts'
import { temporaryStoreDir } from './options.ts'
import { hasPlaintextPasswords } from './plaintext-passwords.ts'
import { PortsFile, writePidFile } from './process-files.ts'
import { ProcessLog } from './process-log.ts'
import { EXIT_BY_FAULT, ProcessWatch } from './process-watch.ts'
import { isAlias, programName, showProgram } from './program.ts'
import { Server } from './server.ts'
import { sendSignal } from './signal-command.ts'
import { USAGE } from './usage.ts'
import { COMPATIBLE_VERSION, CONTRAIL_VERSION } from './versions.ts'

const DEFAULT_PORT = 4222
const DEFAULT_HOST = '0.0.0.0'
/** Without a file there is nothing to read anew. */
const NO_FILE = 'can only reload config when a file is provided using -c or --config'

/** Runs `contrail-server` with these words of the command line, until a signal ends it. */
export async function run(words: readonly string[]): Promise<void> {
  // Before anything else: a signal may come at any time.
  const watch = new ProcessWatch()
  try {
    const line = parseCommandLine(words)
    if (line.wants === 'help') process.stdout.write(USAGE)
    else if (line.wants === 'version') console.log(versionLine())
    else if (line.wants === 'signal') await sendSignal(line.signal)
    else if (line.wants === 'check') check(line)
    else await launch(words, line, watch)
  } catch (error) {
    if (error instanceof FlagError) {
      console.error(error.message)
      process.stdout.write(USAGE)
    } else if (error instanceof CommandError || error instanceof ConfigError) {
      giveUp(error.message)
    } else {
      throw error
    }
  }
}

function versionLine(): string {
  if (isAlias) return `${programName}: v${COMPATIBLE_VERSION} (contrail v${CONTRAIL_VERSION})`
  return `${programName}: v${CONTRAIL_VERSION} (nats-server v${COMPATIBLE_VERSION})`
}

/** `-t`. As with nats-server, what only warns of at a start is a mistake here. */
function check({ configFile }: CommandLine): void {
  if (configFile === null)
    throw new ConfigError('must specify [-c, --config] option to check configuration file syntax')
  const { warnings, notices, digest } = readConfigFile(configFile, { server: {}, log: {} })
  if (warnings.length > 0) throw new ConfigError(`${warnings.join('\n')}\n`)
  for (const notice of notices) console.error(notice)
  console.error(`${programName}: configuration file ${configFile} is valid (${digest})`)
}

async function launch(words: readonly string[], line: CommandLine, watch: ProcessWatch): Promise<void> {
  const wanted = readConfiguration(line)
  showProgram(words)
  let log: ProcessLog
  try {
    log = new ProcessLog(wanted.log)
  } catch (error) {
    giveUp((error as Error).message)
    return
  }
  watch.use(log)
  await serve(line, wanted, log, watch)
}

/**
 * The configuration file, and the flags over it.
 * @throws ConfigError
 */
function readConfiguration(line: CommandLine): Launch {
  const wanted: Launch = { server: {}, log: {} }
  if (line.configFile !== null) {
    const { warnings, notices, digest } = readConfigFile(line.configFile, wanted)
    wanted.server.configDigest = digest
    for (const each of [...warnings, ...notices]) console.error(each)
  }
  line.apply(wanted)
  const { server } = wanted
  server.host ??= DEFAULT_HOST
  // As in nats-server, 0 is "not said", and -1 any free port.
  server.port = server.port || DEFAULT_PORT
  if (server.monitorPort === 0) server.monitorPort = undefined
  if (server.monitorTlsPort === 0) server.monitorTlsPort = undefined
  // A store folder alone does not switch JetStream on here.
  server.jetstream ??= false
  server.trace = wanted.log.trace ?? false
  if (server.jetstream) server.storeDir ??= temporaryStoreDir()
  return wanted
}

async function serve(
  line: CommandLine,
  wanted: Launch,
  logger: ProcessLog,
  watch: ProcessWatch,
): Promise<void> {
  const stop = new AbortController()
  let server: Server | null = null
  const files = new ProcessFiles(logger)
  // Whoever finds the server ready finds its id too.
  files.writePid(wanted)
  const end = () => {
    logger.log('info', 'Initiating Shutdown...')
    // How it ends is told by `closed`.
    stop.abort()
  }
  watch.on('SIGTERM', () => {
    // On its way out already, in its own time.
    if (!server?.isLameDuck) end()
  })
  watch.on('SIGINT', end)
  watch.on('SIGUSR1', () => logger.reopen())
  try {
    if (hasPlaintextPasswords(wanted.server))
      logger.log('warn', 'Plaintext passwords detected, use nkeys or bcrypt')
    server = await Server.start({ ...wanted.server, logger, signal: stop.signal })
    files.write(wanted, server)
    const started = { server, files, logger, line }
    watch.on('SIGHUP', () => reload(started))
    watch.on('SIGUSR2', () => void started.server.lameDuck().catch(() => {}))
    server.reloadSource = () => reloadNow(started)
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
  files.remove()
  if (!process.exitCode) logger.log('info', 'Server Exiting..')
  await logger.close()
  process.exit(process.exitCode ?? 0)
}

/** What runs. */
interface Started {
  server: Server
  files: ProcessFiles
  logger: ProcessLog
  line: CommandLine
}

function reload(started: Started): void {
  try {
    reloadNow(started)
  } catch (error) {
    started.logger.log('error', `Failed to reload server configuration: ${(error as Error).message}`)
  }
}

/**
 * Reads the configuration file anew: all of it is taken, or nothing.
 * @throws Error in nats-server's words
 */
function reloadNow({ server, files, logger, line }: Started): void {
  if (line.configFile === null) throw new Error(NO_FILE)
  const wanted = readConfiguration(line)
  const before = logger.current()
  logger.change(wanted.log)
  try {
    server.reload(wanted.server, () => {
      for (const line of logChanges(before, wanted.log)) logger.log('info', line)
    })
  } catch (error) {
    logger.change(before)
    throw error
  }
  files.write(wanted, server)
}

function logChanges(before: LogOptions, after: LogOptions): string[] {
  const pairs: [string, unknown, unknown][] = [
    ['debug', before.debug ?? false, after.debug ?? false],
    ['logtime', before.time ?? true, after.time ?? true],
    ['logtime_utc', before.utc ?? false, after.utc ?? false],
    ['log_file', before.file ?? '', after.file ?? ''],
    ['syslog', before.syslog ?? false, after.syslog ?? false],
    ['remote_syslog', before.remoteSyslog ?? '', after.remoteSyslog ?? ''],
  ]
  return pairs.filter(([, was, is]) => was !== is).map(([name, , is]) => `Reloaded: ${name} = ${is}`)
}

/** The files that tell others of this process. As nats-server, the server does without one that can't be written. */
class ProcessFiles {
  private pidFile: string | undefined
  private ports: PortsFile | null = null
  private readonly logger: ProcessLog

  constructor(logger: ProcessLog) {
    this.logger = logger
  }

  writePid({ pidFile }: Launch): void {
    if (pidFile !== this.pidFile) this.attempt(() => pidFile && writePidFile(pidFile))
    this.pidFile = pidFile
  }

  /** At the start, and after a reload. */
  write(wanted: Launch, server: Server): void {
    const { portsFileDir } = wanted
    this.writePid(wanted)
    if (portsFileDir === this.ports?.folder) return
    this.remove()
    if (portsFileDir === undefined) return
    this.attempt(() => {
      this.ports = PortsFile.write(portsFileDir, programName, server.ports())
    })
  }

  remove(): void {
    this.ports?.remove()
    this.ports = null
  }

  private attempt(write: () => unknown): void {
    try {
      write()
    } catch (error) {
      this.logger.log('error', (error as Error).message)
    }
  }
}

function giveUp(text: string): void {
  console.error(`${programName}: ${text}`)
  process.exitCode = 1
}
