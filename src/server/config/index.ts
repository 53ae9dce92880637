/** Configuration files: from the text to what the server is told. */
import type { Launch } from '../launch.ts'
import { configDigest } from './digest.ts'
import { parseConfigFile, reason } from './grammar.ts'
import { refusedTopKeys, topKeys } from './keys.ts'
import { Reader } from './reader.ts'
import { ConfigError } from './value.ts'

export { ConfigError } from './value.ts'

/** What is said of a file besides what it sets. */
export interface ConfigReport {
  /** nats-server's warnings: outdated use. With `-t` they are mistakes. */
  warnings: string[]
  /** Ours: what is taken without effect. */
  notices: string[]
  /** Hash of what the file says. */
  digest: string
}

/**
 * Reads a configuration file into `launch`.
 * @throws ConfigError with every mistake, a line each, with file, line and column
 */
export function readConfigFile(file: string, launch: Launch): ConfigReport {
  const map = load(file)
  const reader = new Reader()
  launch.notices = []
  if (map.entries.size === 0) reader.warnings.push(`${file}: config has no values or is empty`)
  reader.each(map, launch, topKeys, refusedTopKeys)
  const { errors, warnings } = reader
  if (errors.length > 0) throw new ConfigError(`${[...warnings, ...errors].join('\n')}\n`)
  const { notices } = launch
  delete launch.notices
  return { warnings, notices, digest: configDigest(map) }
}

function load(file: string) {
  try {
    return parseConfigFile(file)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError(reason(error as NodeJS.ErrnoException))
  }
}
