import { ReadFailure } from './read-failure.ts'

/**
 * Errors that may pass: no space left, too many open files, no memory, a file that somebody else holds. What failed with one
 * is tried again.
 */
const PASSING = new Set([
  'ENOSPC',
  'EDQUOT',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'EAGAIN',
  'EACCES',
  'EPERM',
  'EBUSY',
])

export function isPassing(error: Error): boolean {
  return error instanceof ReadFailure || PASSING.has((error as NodeJS.ErrnoException).code ?? '')
}

/** Time until what failed so is tried again, milliseconds. */
export const RETRY_MS = 1000
