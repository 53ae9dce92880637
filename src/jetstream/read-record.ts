import type { MessageLog, RecordView } from '../storage/index.ts'

/**
 * Reads a record where there is time to wait for the disk. False when it is not there. `out` is valid until the caller
 * gives up control.
 */
export function readRecord(log: MessageLog, seq: number, out: RecordView): boolean | Promise<boolean> {
  const first = log.read(seq, out, NOBODY)
  if (first !== 'wait') return first === 'ok'
  return new Promise((resolve) => {
    const waiter = {
      onLoaded(): void {
        const result = log.read(seq, out, waiter)
        if (result !== 'wait') resolve(result === 'ok')
      },
    }
    waiter.onLoaded()
  })
}

const NOBODY = { onLoaded(): void {} }
