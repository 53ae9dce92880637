/** Configuration files: from the text to what the server is told. */
import type { Launch } from '../launch.ts'
import { parseConfigFile, reason } from './grammar.ts'
import { refusedTopKeys, topKeys } from './keys.ts'
import { Reader } from './reader.ts'
import { ConfigError } from './value.ts'

export { ConfigError } from './value.ts'

/**
 * Reads a configuration file into `launch`; returns sentences about outdated use.
 * @throws ConfigError with every mistake, a line each, with file, line and column
 */
export function readConfigFile(file: string, launch: Launch): string[] {
  const reader = new Reader()
  reader.each(load(file), launch, topKeys, refusedTopKeys)
  if (reader.errors.length > 0) throw new ConfigError(`${reader.errors.join('\n')}\n`)
  return reader.warnings
}

function load(file: string) {
  try {
    return parseConfigFile(file)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError(reason(error as NodeJS.ErrnoException))
  }
}
