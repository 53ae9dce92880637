/**
 * A file of the store could not be read for now: too many open files, no memory, an error of the disk. Nothing is known of
 * what it holds, so nothing about the store has changed. What asked is tried again, or told.
 */
export class ReadFailure extends Error {
  constructor(what: string, cause: unknown) {
    super(`${what} can't be read now: ${(cause as Error).message}`, { cause })
    this.name = 'ReadFailure'
  }
}

/** The only error that says that a file is not there. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
