/**
 * The flags of `contrail-server`: those of nats-server, read as Go reads them: one or two dashes, a value after `=` or as
 * the next word, switches without a value, and an end at the first word that is no flag.
 */
import type { Launch } from './launch.ts'
import { CLUSTER_REFUSAL, PROFILER_REFUSAL } from './launch.ts'

/** What the command line asks for. */
export interface CommandLine {
  wants: 'serve' | 'check' | 'help' | 'version' | 'signal'
  /** What `-sl` says. */
  signal: string
  configFile: string | null
  /** Lays the flags over what the configuration file said. */
  apply(launch: Launch): void
}

/** A flag is wrong: nats-server shows the sentence and its help, and exits with 0. */
export class FlagError extends Error {
  override readonly name = 'FlagError'
}

/** A command line that can't be followed: shown, and exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

type Value = string | number | boolean
type Kind = 'text' | 'number' | 'switch'

interface Flag {
  kind: Kind
  set(value: Value, launch: Launch, line: CommandLine): void
}

const text = (set: (launch: Launch, value: string) => void): Flag => ({
  kind: 'text',
  set: (value, launch) => set(launch, value as string),
})
const number = (set: (launch: Launch, value: number) => void): Flag => ({
  kind: 'number',
  set: (value, launch) => set(launch, value as number),
})
const toggle = (set: (launch: Launch, value: boolean) => void): Flag => ({
  kind: 'switch',
  set: (value, launch) => set(launch, value as boolean),
})
const wish = (wants: CommandLine['wants']): Flag => ({
  kind: 'switch',
  set: (value, _launch, line) => {
    if (value === true) line.wants = wants
  },
})
const refused = (kind: Kind, why: string): Flag => ({
  kind,
  set: (value) => {
    if (value !== false && value !== 0) throw new CommandError(why)
  },
})

const clustered = (kind: Kind): Flag => refused(kind, CLUSTER_REFUSAL)
const later = (kind: Kind): Flag => refused(kind, 'Contrail does not serve it yet')

const address = text(({ server }, value) => {
  server.host = value
})
const port = number(({ server }, value) => {
  server.port = value
})
const serverName = text(({ server }, value) => {
  server.name = value
})
const pidFile = text((launch, value) => {
  launch.pidFile = value
})
const monitorPort = number(({ server }, value) => {
  server.monitorPort = value
})
const monitorTlsPort = number(({ server }, value) => {
  server.monitorTlsPort = value
})
const logFile = text(({ log }, value) => {
  log.file = value
})
const logTime = toggle(({ log }, value) => {
  log.time = value
})
const debug = toggle(({ log }, value) => {
  log.debug = value
})
const trace = toggle(({ log }, value) => {
  log.trace = value
})
const debugAndTrace = toggle(({ log }, value) => {
  log.debug = value
  log.trace = value
})
/** The system account's clients too. */
function verbose(withDebug: boolean): Flag {
  return toggle(({ log, server }, value) => {
    if (withDebug) log.debug = value
    log.trace = value
    server.traceSystem = value
  })
}
const jetstream = toggle(({ server }, value) => {
  server.jetstream = value
})
const storeDir = text(({ server }, value) => {
  server.storeDir = value
})
const signal: Flag = {
  kind: 'text',
  set: (value, _launch, line) => {
    line.signal = value as string
    if (value !== '' && line.wants !== 'help' && line.wants !== 'version') line.wants = 'signal'
  },
}
const syslog = toggle(({ log }, value) => {
  log.syslog = value
})
const remoteSyslog = text(({ log }, value) => {
  log.remoteSyslog = value
})
const config: Flag = {
  kind: 'text',
  set: (value, _launch, line) => {
    line.configFile = value as string
  },
}

const tlsSwitch = toggle(({ server }, value) => {
  if (value) server.tls = { cert: '', key: '', ...server.tls }
  else delete server.tls
})
const tlsVerify = toggle(({ server }, value) => {
  server.tls = { cert: '', key: '', ...server.tls, verify: value }
})
const tlsFile = (name: 'ca' | 'cert' | 'key'): Flag =>
  text(({ server }, value) => {
    server.tls = { cert: '', key: '', ...server.tls, [name]: value }
  })

/** Every flag of nats-server 2.15. */
const flags: Readonly<Record<string, Flag>> = {
  a: address,
  addr: address,
  net: address,
  p: port,
  port,
  n: serverName,
  name: serverName,
  server_name: serverName,
  P: pidFile,
  pid: pidFile,
  m: monitorPort,
  http_port: monitorPort,
  c: config,
  config,
  t: wish('check'),
  h: wish('help'),
  help: wish('help'),
  v: wish('version'),
  version: wish('version'),
  l: logFile,
  log: logFile,
  T: logTime,
  logtime: logTime,
  logtime_utc: toggle(({ log }, value) => {
    log.utc = value
  }),
  D: debug,
  debug,
  V: trace,
  trace,
  VV: verbose(false),
  DV: debugAndTrace,
  DVV: verbose(true),
  js: jetstream,
  jetstream,
  sd: storeDir,
  store_dir: storeDir,
  user: text(({ server }, value) => {
    server.user = value
  }),
  pass: text(({ server }, value) => {
    server.password = value
  }),
  auth: text(({ server }, value) => {
    server.token = value
  }),
  ports_file_dir: text((launch, value) => {
    launch.portsFileDir = value
  }),
  routes: clustered('text'),
  cluster: clustered('text'),
  cluster_name: clustered('text'),
  cluster_advertise: clustered('text'),
  cluster_listen: clustered('text'),
  connect_retries: clustered('number'),
  no_advertise: clustered('switch'),
  client_advertise: text(({ server }, value) => {
    server.clientAdvertise = value
  }),
  ms: monitorTlsPort,
  https_port: monitorTlsPort,
  sl: signal,
  signal,
  s: syslog,
  syslog,
  r: remoteSyslog,
  remote_syslog: remoteSyslog,
  log_size_limit: number(({ log }, value) => {
    log.sizeLimit = value
  }),
  max_traced_msg_len: number(({ server }, value) => {
    server.maxTracedMessage = value
  }),
  profile: refused('number', PROFILER_REFUSAL),
  tls: tlsSwitch,
  tlscert: tlsFile('cert'),
  tlskey: tlsFile('key'),
  tlsverify: tlsVerify,
  tlscacert: tlsFile('ca'),
  help_tls: later('switch'),
}

/**
 * Reads a command line.
 * @throws FlagError, CommandError
 */
export function parseCommandLine(words: readonly string[]): CommandLine {
  const set: { flag: Flag; value: Value; name: string }[] = []
  const line: CommandLine = {
    wants: 'serve',
    signal: '',
    configFile: null,
    apply: (launch) => {
      for (const { flag, value } of set) flag.set(value, launch, line)
    },
  }
  let at = 0
  while (at < words.length) {
    const word = words[at]
    if (word.length < 2 || !word.startsWith('-')) break
    at++
    if (word === '--') break
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word)
    if (match === null) throw new FlagError(`bad flag syntax: ${word}`)
    const [, name, given] = match
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
    if (flag === undefined) throw new FlagError(`flag provided but not defined: -${name}`)
    let value = given
    if (flag.kind !== 'switch' && value === undefined) {
      value = words[at++]
      if (value === undefined) throw new FlagError(`flag needs an argument: -${name}`)
    }
    set.push({ flag, value: convert(flag.kind, name, value), name })
  }
  command(words.slice(at), line)
  // Which file, and what else than serving, is known at once; refusals are told at once too.
  const nowhere: Launch = { server: {}, log: {} }
  for (const { flag, value, name } of set) {
    try {
      flag.set(value, nowhere, line)
    } catch (error) {
      throw new CommandError(`flag -${name} is not supported: ${(error as Error).message}`)
    }
  }
  return line
}

function command(rest: readonly string[], line: CommandLine): void {
  if (rest.length === 0) return
  const [name] = rest
  if (name === 'help') line.wants = 'help'
  else if (name === 'version') line.wants = 'version'
  else throw new CommandError(`unrecognized command: ${JSON.stringify(name)}`)
}

const trueWords = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const falseWords = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

function convert(kind: Kind, name: string, value: string | undefined): Value {
  if (kind === 'switch') {
    if (value === undefined || trueWords.has(value)) return true
    if (falseWords.has(value)) return false
    throw new FlagError(`invalid boolean value ${JSON.stringify(value)} for -${name}: parse error`)
  }
  if (kind === 'text') return value as string
  const bad = (why: string) =>
    new FlagError(`invalid value ${JSON.stringify(value)} for flag -${name}: ${why}`)
  if (!/^[+-]?\d+$/.test(value as string)) throw bad('parse error')
  const parsed = Number(value)
  if (!Number.isSafeInteger(parsed)) throw bad('value out of range')
  return parsed
}
