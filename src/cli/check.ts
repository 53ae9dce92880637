/** `contrail check DIR`: reads a whole store, off line, and says what is damaged; with --repair it sets that aside. */
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { OverlayFileSystem } from '../ports/overlay-file-system.ts'
import { realClock } from '../ports/real-clock.ts'
import { realFileSystem } from '../ports/real-file-system.ts'
import { type DamagedBytes, type MessageLog, RecordView, Store } from '../storage/index.ts'
import { encryptionFromEnvironment } from './encryption.ts'
import { CommandFailure, UsageFailure } from './failure.ts'
import { Progress } from './transfer/progress.ts'

export const help = `Usage: contrail check DIR [--repair]

Reads every record of the store in DIR, checks its checksum, and prints what each stream holds and what is missing.
DIR must not be in use by a server. Exit code 0: all is well, 1: something is damaged. The key of an encrypted store
is taken from CONTRAIL_KEY.

  --repair   put damaged records into the file damaged-<time>.jsonl in DIR (one JSON object each, bytes in base64), make
             damaged indexes and documents anew, and lose nothing else; without it nothing is changed

Examples:
  contrail check ./.contrail
  contrail check ./.contrail --repair`

/** The store as it was found. */
interface Findings {
  /** A row for each stream, with a head. */
  rows: string[][]
  /** Messages found unreadable now, and those that were known to be lost before. */
  unreadable: number
  lostBefore: number
}

export async function run(words: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { repair: { type: 'boolean' } },
  })
  const [folder] = positionals
  if (folder === undefined) throw new UsageFailure('Which store? For example: contrail check ./.contrail')
  const directory = existsSync(join(folder, 'jetstream')) ? join(folder, 'jetstream') : folder
  if (!existsSync(join(directory, 'store.json'))) {
    throw new CommandFailure(`${folder} is not the folder of a store (there is no jetstream/store.json).`)
  }
  const told: string[] = []
  const aside = new Aside(folder)
  const store = await open(directory, told, values.repair === true ? aside : null)
  let findings: Findings
  try {
    findings = await readAll(store)
  } finally {
    await store.close()
  }
  printTable(findings.rows)
  for (const text of told) console.log(text)
  const { unreadable, lostBefore } = findings
  if (lostBefore > 0) console.log(`${lostBefore} messages were lost before, and are not counted here.`)
  if (unreadable === 0 && told.length === 0) {
    console.log('All is well.')
    return
  }
  if (values.repair !== true) {
    throw new CommandFailure(
      `${folder} is damaged: ${unreadable} messages are missing. What is there is intact and served; the disk should be looked at. --repair sets aside what is damaged.`,
    )
  }
  const where = aside.count > 0 ? ` ${aside.count} damaged records are in ${aside.path}.` : ''
  console.log(`Repaired: ${unreadable} messages are missing, and nothing else.${where}`)
}

async function open(directory: string, told: string[], aside: Aside | null): Promise<Store> {
  const encryption = encryptionFromEnvironment()
  try {
    return await Store.open({
      directory,
      fileSystem: aside === null ? new OverlayFileSystem(realFileSystem) : realFileSystem,
      clock: realClock,
      log: (level, text) => {
        if (level !== 'info') told.push(text)
      },
      ...(encryption === undefined ? {} : { encryption }),
      ...(aside === null ? {} : { onDamaged: (damaged) => aside.put(damaged) }),
    })
  } catch (thrown) {
    throw new CommandFailure((thrown as Error).message)
  }
}

async function readAll(store: Store): Promise<Findings> {
  const findings: Findings = {
    rows: [['stream', 'messages', 'first', 'last', 'bytes', 'missing']],
    unreadable: 0,
    lostBefore: 0,
  }
  for (const stream of [...store.logs.values()].sort((a, b) => a.name.localeCompare(b.name))) {
    const { lost } = stream
    findings.lostBefore += lost.told
    // What opening found; reading counts what it finds itself.
    const found = lost.count - lost.told
    const unreadable = found + (await unreadableIn(stream))
    findings.unreadable += unreadable
    const { messages, firstSeq, lastSeq, bytes } = stream
    // Ids of a duplicate window are no stream: only damage is told.
    if (stream.name.includes('/.msg-ids/') && unreadable === 0) continue
    findings.rows.push([stream.name, ...[messages, firstSeq, lastSeq, bytes, unreadable].map(String)])
  }
  return findings
}

/** The file into which damaged records go. It is made when there is one. */
class Aside {
  readonly path: string
  count = 0

  constructor(folder: string) {
    this.path = join(folder, `damaged-${new Date().toISOString().replaceAll(':', '-')}.jsonl`)
  }

  put({ log, sequences, where, bytes }: DamagedBytes): void {
    const line = JSON.stringify({ stream: log, sequences, where, bytes: bytes.toString('base64') })
    appendFileSync(this.path, `${line}\n`, { mode: 0o600 })
    this.count++
  }
}

function printTable(rows: string[][]): void {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  for (const row of rows) {
    console.log(
      row.map((text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join('  '),
    )
  }
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
