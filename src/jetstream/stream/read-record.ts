import {
  type LoadWaiter,
  type MessageLog,
  ReadFailure,
  type ReadResult,
  type RecordView,
} from '../../storage/index.ts'

/**
 * Reads a record where there is time to wait for the disk. False when it is not there. `out` is valid until the caller
 * gives up control.
 * @throws ReadFailure (at once, or by the promise): it is there, and can't be read now
 */
export function readRecord(log: MessageLog, seq: number, out: RecordView): boolean | Promise<boolean> {
  return readBy((waiter) => log.read(seq, out, waiter), log, seq)
}

/** The same for what may not be durable yet: for who stores something that follows from it. */
export function readStoredRecord(log: MessageLog, seq: number, out: RecordView): boolean | Promise<boolean> {
  return readBy((waiter) => log.readStored(seq, out, waiter), log, seq)
}

function readBy(
  read: (waiter: LoadWaiter) => ReadResult,
  log: MessageLog,
  seq: number,
): boolean | Promise<boolean> {
  const first = read(NOBODY)
  if (first !== 'wait') return isThere(first, log, seq)
  return new Promise((resolve, reject) => {
    const waiter = {
      onLoaded(): void {
        const result = read(waiter)
        if (result === 'wait') return
        try {
          resolve(isThere(result, log, seq))
        } catch (error) {
          reject(error)
        }
      },
    }
    waiter.onLoaded()
  })
}

function isThere(result: ReadResult, log: MessageLog, seq: number): boolean {
  if (result === 'failed') throw new ReadFailure(`message ${seq} of ${log.name}`, new Error('see the log'))
  return result === 'ok'
}

const NOBODY = { onLoaded(): void {} }
