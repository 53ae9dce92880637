/** The publish path alone, in memory and on files: `node build/test/jetstream/publish-bench.js [messages]`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Bus } from '../../src/core/index.ts'
import { JetStream } from '../../src/jetstream/index.ts'
import { realClock } from '../../src/ports/real-clock.ts'
import { realFileSystem } from '../../src/ports/real-file-system.ts'
import { Store } from '../../src/storage/index.ts'
import { Message } from '../../src/wire/index.ts'

const messages = Number(process.argv[2] ?? 1_000_000)
const PER_TURN = 500
const BYTES = 128

for (const storage of ['memory', 'file']) {
  const directory = mkdtempSync(join(tmpdir(), 'contrail-publish-'))
  const store = await Store.open({ directory, fileSystem: realFileSystem, clock: realClock })
  const bus = new Bus({ clock: realClock })
  const js = await JetStream.open({ bus, store, clock: realClock, serverName: 'S', serverId: 'S' })
  const account = bus.account('$G')
  const config = { name: 'B', subjects: ['bench.>'], storage }
  account.publishText('$JS.API.STREAM.CREATE.B', JSON.stringify(config))
  let acked = 0
  account.subscribe('_INBOX.x.*', { onMessage: () => acked++ })
  const message = new Message(Buffer.from('bench.s'))
  message.subjectEnd = message.subject.length
  message.reply = Buffer.from('_INBOX.x.abcdefgh')
  message.replyEnd = message.reply.length
  message.body = Buffer.alloc(BYTES, 'x')
  message.bodyEnd = BYTES
  const begunMs = performance.now()
  const cpu = process.cpuUsage()
  for (let sent = 0; sent < messages; ) {
    if (!store.overloaded) for (let i = 0; i < PER_TURN; i++, sent++) account.publish(message)
    await new Promise((resolve) => setImmediate(resolve))
  }
  while (acked < messages) await new Promise((resolve) => setImmediate(resolve))
  const seconds = (performance.now() - begunMs) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const cpuSeconds = (user + system) / 1e6
  console.log(
    `${storage}: ${Math.round(messages / seconds)} messages/s, ${((cpuSeconds * 1e6) / messages).toFixed(2)} CPU-seconds per million`,
  )
  js.close()
  await store.close()
  rmSync(directory, { recursive: true, force: true })
}
process.exit(0)
