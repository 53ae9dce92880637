import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { App, type BrokerOptions } from '../../src/app/index.ts'
import { textForPeople } from '../../src/app/log.ts'
import { Server } from '../../src/server/index.ts'
import { MemoryLog } from './support.ts'

test('an embedded server ends when the connection to it, or what is built on it, fails', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'contrail-open-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  let reads = 0
  const failing: Partial<BrokerOptions>[] = [
    {
      connection: {
        authenticator: () => {
          throw new Error('no credentials')
        },
      },
    },
    {
      publish: {
        // Read when it is checked, and again when the publisher is made.
        get maxInFlight(): number {
          if (reads++ > 0) throw new Error('no publisher')
          return 1
        },
      },
    },
  ]
  for (const options of failing) {
    const app = new App({ dir, ...options } as BrokerOptions, { log: new MemoryLog() })
    await assert.rejects(app.start(), /no credentials|no publisher/)
    const server = await Server.start({ storeDir: dir })
    await server.stop()
  }
})

test('what goes wrong in the embedded server is told by the log of the app', async () => {
  const log = new MemoryLog()
  const app = new App({ memory: true, port: 0 }, { log })
  await app.start()
  // One of ours that breaks the protocol.
  const { connect } = await import('node:net')
  const port = Number(new URL(app.url as string).port)
  await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('NONSENSE\nPRETENDED\r\n'))
    socket.on('error', resolve).on('close', resolve).resume()
  })
  await app.stop()
  const told = log.lines.filter((line) => line.sentence.startsWith('embedded server: '))
  assert.equal(told.length, 1)
  assert.equal(told[0].level, 'error')
  assert.ok(!/[\r\n]/.test(told[0].sentence))
})

test('a terminal shows what came with a message in one line, and nothing in it moves the cursor', () => {
  const forged = 'a\r\n12:00:00.000 error forged\u001b[2J\u202eb'
  const err = { stack: `Error: ${forged}\n    at x` }
  const line = JSON.stringify({
    level: 30,
    time: 0,
    msg: forged,
    [forged]: 1,
    subject: forged,
    deep: [forged],
    err,
  })
  const lines = textForPeople(line).trimEnd().split('\n')
  assert.equal(lines.length, 4)
  for (const each of lines.slice(1)) assert.ok(each.startsWith('    '), each)
  // The colours are its own.
  const rest = ['0', '32', '90'].reduce((text, n) => text.replaceAll(`\u001b[${n}m`, ''), lines.join(''))
  assert.ok(!/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(rest), JSON.stringify(rest))
})
