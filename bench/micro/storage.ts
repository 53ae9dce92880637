/**
 * The store alone: append and commit, open after a clean stop and after a kill. `node build/bench/micro/storage.js [messages]`
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realClock } from '../../src/ports/real-clock.ts'
import { realFileSystem } from '../../src/ports/real-file-system.ts'
import { RecordView, Store } from '../../src/storage/index.ts'

const messages = Number(process.argv[2] ?? 1_000_000)
const directory = mkdtempSync(join(tmpdir(), 'contrail-micro-'))
const open = (): Promise<Store> =>
  Store.open({
    directory,
    fileSystem: realFileSystem,
    clock: realClock,
    log: (level, text) => console.log(level, text),
  })
const subject = Buffer.from('orders.new')
const body = Buffer.alloc(128, 120)

const store = await open()
const log = store.createLog('$G/ORDERS', {}, { inMemory: false })
const started = performance.now()
const cpu = process.cpuUsage()
for (let sent = 0; sent < messages; ) {
  for (let i = 0; i < 500 && sent < messages; i++, sent++) {
    log.append(subject, 0, subject.length, body, 0, 0, body.length, 1, sent)
  }
  await new Promise<void>((resolve) => store.barrier(resolve))
}
const took = performance.now() - started
const used = process.cpuUsage(cpu)
console.log(
  `append + commit, 500 a batch: ${Math.round((messages / took) * 1000)} /s, ${((used.user + used.system) / messages).toFixed(2)} µs CPU a message`,
)

const killed = join(tmpdir(), `contrail-micro-killed-${process.pid}`)
const { cpSync } = await import('node:fs')
cpSync(directory, killed, { recursive: true })
rmSync(join(killed, 'lock'))
let from = performance.now()
const afterKill = await Store.open({
  directory: killed,
  fileSystem: realFileSystem,
  clock: realClock,
  log: console.log,
})
console.log(
  `open after a kill: ${(performance.now() - from).toFixed(0)} ms, ${afterKill.logs.get('$G/ORDERS')?.messages} messages`,
)
await afterKill.close()
rmSync(killed, { recursive: true })

from = performance.now()
await store.close()
console.log(`close: ${(performance.now() - from).toFixed(0)} ms`)
from = performance.now()
const again = await open()
console.log(`open after a clean stop: ${(performance.now() - from).toFixed(0)} ms`)
const reopened = again.logs.get('$G/ORDERS')
if (reopened === undefined) throw new Error('the log is gone')
const view = new RecordView()
from = performance.now()
let read = 0
for (let seq = reopened.next(null, 1); seq > 0; seq = reopened.next(null, seq + 1)) {
  while (reopened.read(seq, view, null) === 'wait') await new Promise((resolve) => setImmediate(resolve))
  if (view.seq !== seq) throw new Error(`read ${view.seq} for ${seq}`)
  read++
}
console.log(`read all: ${Math.round((read / (performance.now() - from)) * 1000)} /s of ${read}`)
console.log(`resident: ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`)
await again.close()
rmSync(directory, { recursive: true })
