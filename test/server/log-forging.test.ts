import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { TextLogger } from '../../src/server/index.ts'
import { LineLogger } from '../../src/server/logger.ts'
import { printable, quoted } from '../../src/wire/index.ts'
import { start } from './support.ts'

const FORGED = 'x"\r\n[1] 2026/11/27 00:00:00.000000 [INF] forged\u001b[2J\u009b1m\u2028\u202e\u0000'

/** Says all this to a port, one connection each, and waits for the end of each. */
async function say(port: number, texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    await new Promise<void>((resolve) => {
      const socket = connectSocket(port, '127.0.0.1', () => socket.end(text))
      socket.on('error', () => resolve())
      socket.on('close', () => resolve())
      socket.resume()
    })
  }
}

test('nothing that a client says breaks a line of the log, or moves a cursor', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-log-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'log')
  const server = await start(t, {
    port: 0,
    jetstream: true,
    monitorPort: 0,
    users: [
      { user: 'u', password: 'p' },
      { user: FORGED, password: 'p' },
    ],
    trace: true,
    logger: new TextLogger({ file, debug: true, trace: true }),
  })
  const login = (more: object) =>
    `CONNECT ${JSON.stringify({ user: 'u', pass: 'p', verbose: false, headers: true, ...more })}\r\n`
  const bytes = FORGED.replace(/[\r\n ]/g, '_')
  const header = `NATS/1.0\r\nX: ${bytes}\r\n\r\n`
  await say(server.port as number, [
    login({ user: FORGED, pass: 'wrong' }),
    login({ user: FORGED, name: FORGED, lang: FORGED, version: FORGED }),
    login({ user: 7, name: FORGED }),
    `CONNECT {"user":"${bytes}\r\n`,
    `${login({})}SUB ${bytes} ${bytes} ${bytes}\r\nPUB ${bytes} 1\r\nx\r\nPING\r\n`,
    `${login({})}HPUB foo ${Buffer.byteLength(header)} ${Buffer.byteLength(header)}\r\n${header}\r\nPING\r\n`,
    `${login({})}SUB $JS.> _sys_ 1\r\nSUB > ${bytes} 1\r\nPUB $SYS.${bytes} 1\r\nx\r\nPUB a $SYS.${bytes} 1\r\nx\r\nPING\r\n`,
    `${login({})}-ERR '${bytes}'\r\n`,
    `${login({})}INFO ${bytes}\r\n`,
    `${login({})}${bytes}\r\n`,
    `${login({})}PUB ${bytes} ${bytes}\r\n`,
    `${login({})}PUB $JS.API.STREAM.INFO.${bytes} _INBOX.1 2\r\n{}\r\nPING\r\n`,
  ])
  const client = await server.connect({ name: FORGED })
  const manager = await jetstreamManager(client)
  await assert.rejects(manager.streams.add({ name: 'S', subjects: [`a.${bytes}`, `a.${bytes}`] }))
  await client.close()
  await server.stop()
  const log = readFileSync(file, 'utf8')
  assert.ok(log.split('\n').length > 60)
  assert.ok(log.includes('forged'))
  for (const line of log.trimEnd().split('\n')) {
    assert.match(
      line,
      /^\[\d+\] \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\.\d{6} \[[A-Z]{3}\] [\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u,
    )
    assert.ok(line.startsWith(`[${process.pid}] `), line)
  }
})

test('what does not print is escaped as Go does', () => {
  assert.equal(
    quoted('a"b\\c\n\t\x07\x00\x7f\u0085\u202e\u{10ffff}ä€😀'),
    '"a\\"b\\\\c\\n\\t\\a\\x00\\x7f\\u0085\\u202e\\U0010ffffä€😀"',
  )
  assert.equal(printable('plain "text" \\ ä'), 'plain "text" \\ ä')
  assert.equal(printable('one\r\ntwo\u00a0'), 'one\\r\\ntwo\\u00a0')
})

test("what a logger throws is its owner's, and comes outside of the server", async () => {
  const thrown = new Error('the logger is broken')
  const logger = new LineLogger({
    log: () => {
      throw thrown
    },
  })
  // The test's runner listens for uncaught exceptions itself.
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  const caught = new Promise((resolve) => process.once('uncaughtException', resolve))
  try {
    logger.log('info', 'x')
    assert.equal(await caught, thrown)
  } finally {
    for (const other of others) process.on('uncaughtException', other)
  }
})

test('no part of a password comes into the log', async (t) => {
  const lines: string[] = []
  const logger = { log: (_: unknown, text: string) => void lines.push(text) }
  const server = await start(t, { port: 0, users: [{ user: 'u', password: 'p' }], trace: true, logger })
  const secret = '5ecr'
  await say(server.port as number, [
    `CONNECT {"user":"u","pass":"${secret}"x}\r\n`,
    `CONNECT {"user":"u","pass":"${secret}}\r\n`,
    `CONNECT {"user":"u","pass":"${secret}"}\r\n`,
    `CONNECT {"auth_token":"${secret}",}\r\n`,
    `CONNECT {"pass":${secret}}\r\n`,
  ])
  assert.ok(lines.some((line) => line.includes('[REDACTED]')))
  assert.ok(lines.some((line) => line.includes('CONNECT is no JSON')))
  assert.deepEqual(
    lines.filter((line) => line.includes(secret)),
    [],
  )
})
