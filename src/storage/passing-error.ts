/** Errors that may pass: no space left, or too many open files. What failed with one is tried again. */
const PASSING = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE'])

export function isPassing(error: Error): boolean {
  return PASSING.has((error as NodeJS.ErrnoException).code ?? '')
}

/** Time until what failed so is tried again, milliseconds. */
export const RETRY_MS = 1000
