/** `contrail check DIR`: reads a whole store, off line and without changing it, and says what is damaged. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { OverlayFileSystem } from '../ports/overlay-file-system.ts'
import { realClock } from '../ports/real-clock.ts'
import { realFileSystem } from '../ports/real-file-system.ts'
import { type MessageLog, RecordView, Store } from '../storage/index.ts'
import { encryptionFromEnvironment } from './encryption.ts'
import { CommandFailure, UsageFailure } from './failure.ts'
import { Progress } from './transfer/progress.ts'

export const help = `Usage: contrail check DIR

Reads every record of the store in DIR, checks its checksum, and prints what each stream holds and what is missing.
Nothing is changed. DIR must not be in use by a server. Exit code 0: all is well, 1: something is damaged.
The key of an encrypted store is taken from CONTRAIL_KEY.

Examples:
  contrail check ./.contrail`

export async function run(words: readonly string[]): Promise<void> {
  const { positionals } = parseArgs({ args: [...words], allowPositionals: true, options: {} })
  const [folder] = positionals
  if (folder === undefined) throw new UsageFailure('Which store? For example: contrail check ./.contrail')
  const directory = existsSync(join(folder, 'jetstream')) ? join(folder, 'jetstream') : folder
  if (!existsSync(join(directory, 'store.json'))) {
    throw new CommandFailure(`${folder} is not the folder of a store (there is no jetstream/store.json).`)
  }
  const told: string[] = []
  const log = (level: string, text: string): void => {
    if (level !== 'info') told.push(text)
  }
  let store: Store
  try {
    const fileSystem = new OverlayFileSystem(realFileSystem)
    const options = { directory, fileSystem, clock: realClock, log }
    const encryption = encryptionFromEnvironment()
    store = await Store.open(encryption === undefined ? options : { ...options, encryption })
  } catch (thrown) {
    throw new CommandFailure((thrown as Error).message)
  }
  let missing = 0
  try {
    const rows: string[][] = [['stream', 'messages', 'first', 'last', 'bytes', 'missing']]
    for (const stream of [...store.logs.values()].sort((a, b) => a.name.localeCompare(b.name))) {
      // Reading counts what it finds damaged: what was known before is taken first.
      const known = stream.lost.count
      const unreadable = known + (await unreadableIn(stream))
      missing += unreadable
      const { messages, firstSeq, lastSeq, bytes } = stream
      rows.push([stream.name, ...[messages, firstSeq, lastSeq, bytes, unreadable].map(String)])
    }
    const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
    for (const row of rows) {
      console.log(
        row.map((text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join('  '),
      )
    }
  } finally {
    await store.close()
  }
  for (const text of told) console.log(text)
  if (missing > 0 || told.length > 0) {
    throw new CommandFailure(
      `${folder} is damaged: ${missing} messages are missing. What is there is intact and served; the disk should be looked at.`,
    )
  }
  console.log('All is well.')
}

/** Messages that should be there and can't be read. */
async function unreadableIn(log: MessageLog): Promise<number> {
  const progress = new Progress(log.name, log.messages)
  const view = new RecordView()
  let unreadable = 0
  let read = 0
  for (let seq = log.next(null, 1); seq > 0; seq = log.next(null, seq + 1)) {
    for (;;) {
      let loaded = () => {}
      const onLoaded = new Promise<void>((resolve) => {
        loaded = resolve
      })
      const result = log.read(seq, view, { onLoaded: loaded })
      if (result === 'missing') unreadable++
      if (result !== 'wait') break
      await onLoaded
    }
    progress.update(++read)
  }
  progress.end(`${read.toLocaleString('en')} messages read`)
  return unreadable
}
