import { formatDuration as formatNs } from '../jetstream/index.ts'

/** Milliseconds as Go prints a duration: `1m30s`, `250ms`, `2h0m0s`. */
export function formatDuration(ms: number): string {
  return formatNs(Math.round(ms * 1e6))
}
