import { type MessageLog, RecordView } from '../../src/storage/index.ts'

export interface Read {
  seq: number
  subject: string
  headers: string
  payload: string
  sec: number
  nsec: number
}

/** Reads one message, waiting for the disk; null when it is not there. @throws Error when it can't be read now */
export async function readOne(log: MessageLog, seq: number): Promise<Read | null> {
  const view = new RecordView()
  for (;;) {
    let loaded: () => void = () => {}
    const onLoaded = new Promise<void>((resolve) => {
      loaded = resolve
    })
    const result = log.read(seq, view, { onLoaded: loaded })
    if (result === 'missing') return null
    if (result === 'ok') break
    if (result === 'failed') throw new Error(`${seq} can't be read now`)
    await onLoaded
  }
  const text = (start: number, end: number): string => view.buffer.toString('utf8', start, end)
  return {
    seq: view.seq,
    subject: text(view.subjectStart, view.subjectEnd),
    headers: text(view.bodyStart, view.bodyStart + view.headerLength),
    payload: text(view.bodyStart + view.headerLength, view.bodyEnd),
    sec: view.sec,
    nsec: view.nsec,
  }
}

/** Reads everything that is there. */
export async function readAll(log: MessageLog): Promise<Read[]> {
  const all: Read[] = []
  for (let seq = log.next(null, 1); seq > 0; seq = log.next(null, seq + 1)) {
    const read = await readOne(log, seq)
    if (read !== null) all.push(read)
  }
  return all
}
