/** The process: its log, its files, how it ends, and what it says of itself. */
import { formatDuration } from '../duration.ts'
import { type Launch, PROFILER_REFUSAL } from '../launch.ts'
import { refusedPort } from './network-keys.ts'
import { parseDurationMs } from './number.ts'
import type { KeyTable, Reader } from './reader.ts'
import { noMatter, number, text, toggle } from './setters.ts'
import { type ConfigEntry, ConfigMap, typeName } from './value.ts'

const LEAST_LAME_DUCK_MS = 30_000

const logFile = text(({ log }, value) => {
  log.file = value
})
const logSizeLimit = number(({ log }, value) => {
  log.sizeLimit = value
})
const logMaxFiles = number(({ log }, value) => {
  log.maxFiles = value
})

export const logKeys: KeyTable<Launch> = {
  debug: toggle(({ log }, value) => {
    log.debug = value
  }),
  trace: toggle(({ log }, value) => {
    log.trace = value
  }),
  trace_verbose: toggle(({ log, server }, value) => {
    log.trace = value
    server.traceSystem = value
  }),
  trace_headers: toggle(({ log, server }, value) => {
    log.trace = value
    server.traceHeaders = value
  }),
  max_traced_msg_len: number(({ server }, value) => {
    server.maxTracedMessage = value
  }),
  logtime: toggle(({ log }, value) => {
    log.time = value
  }),
  logtime_utc: toggle(({ log }, value) => {
    log.utc = value
  }),
  logfile: logFile,
  log_file: logFile,
  log_size_limit: logSizeLimit,
  logfile_size_limit: logSizeLimit,
  log_max_num: logMaxFiles,
  logfile_max_num: logMaxFiles,
  syslog: toggle(({ log }, value) => {
    log.syslog = value
  }),
  remote_syslog: text(({ log }, value) => {
    log.remoteSyslog = value
  }),
}

const pidFile = text((launch, value) => {
  launch.pidFile = value
})

export const processKeys: KeyTable<Launch> = {
  pidfile: pidFile,
  pid_file: pidFile,
  ports_file_dir: text((launch, value) => {
    launch.portsFileDir = value
  }),
  lame_duck_duration: ({ server }, entry, reader) => {
    const ms = plainDuration(entry, reader)
    if (ms < LEAST_LAME_DUCK_MS)
      reader.fail(`invalid lame_duck_duration of ${formatDuration(ms)}, minimum is 30 seconds`)
    server.lameDuckDuration = ms
  },
  lame_duck_grace_period: ({ server }, entry, reader) => {
    const ms = plainDuration(entry, reader)
    if (ms < 0) reader.fail('invalid lame_duck_grace_period, needs to be positive')
    server.lameDuckGracePeriod = ms || undefined
  },
  server_tags: ({ server }, entry, reader) => {
    server.tags = [...new Set(tags(entry, reader))].filter((tag) => tag !== '')
  },
  server_metadata: ({ server }, entry, reader) => {
    const { data } = entry.value
    if (!(data instanceof ConfigMap))
      return reader.fail(`error parsing metadata: unsupported type ${typeName(entry.value)}`)
    const metadata: Record<string, string> = Object.create(null)
    for (const [key, each] of data.entries) metadata[key] = textAt(each, reader)
    server.metadata = metadata
  },
  feature_flags: ({ server }, entry, reader) => {
    const { data } = entry.value
    if (!(data instanceof ConfigMap))
      return reader.fail(`error parsing feature flags: unsupported type ${typeName(entry.value)}`)
    for (const [key, each] of data.entries) {
      if (typeof each.value.data !== 'boolean')
        reader.fail(
          `error parsing feature flag "${key}": expected bool, got ${typeName(each.value)}`,
          each.place,
        )
    }
    const flags = Object.fromEntries([...data.entries].map(([key, { value }]) => [key, value.data === true]))
    if (flags.js_ack_fc_v2)
      reader.fail('feature flag "js_ack_fc_v2" is not supported: Contrail does not serve it yet')
    server.featureFlags = flags
  },
  prof_port: refusedPort(PROFILER_REFUSAL),
  prof_block_rate: noMatter.number,
}

/** Text only, unlike other durations. */
function plainDuration(entry: ConfigEntry, reader: Reader): number {
  const text = reader.string(entry)
  try {
    return parseDurationMs(text)
  } catch (error) {
    return reader.fail(`error parsing ${entry.key.toLowerCase()}: ${(error as Error).message}`)
  }
}

/** A mistake is told where the value stands. */
function textAt(entry: ConfigEntry, reader: Reader): string {
  const { data } = entry.value
  if (typeof data === 'string') return data
  return reader.fail(
    `interface conversion: interface {} is ${typeName(entry.value)}, not string`,
    entry.place,
  )
}

/** In lower case and each once, as nats-server keeps them. */
function tags(entry: ConfigEntry, reader: Reader): string[] {
  const { data } = entry.value
  if (typeof data === 'string') return [tagOf(data)]
  if (!Array.isArray(data))
    return reader.fail(`error parsing tags: unsupported type ${typeName(entry.value)}`)
  return data.map((value) => {
    if (typeof value.data === 'string') return tagOf(value.data)
    return reader.fail('error parsing tags: unsupported type *conf.token where string is expected')
  })
}

function tagOf(text: string): string {
  return text.trim().toLowerCase()
}
