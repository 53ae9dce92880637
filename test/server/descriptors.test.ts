import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectSocket, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { Descriptors, descriptorLimit, RefusalLog } from '../../src/server/descriptors.ts'

const main = join(import.meta.dirname, '..', '..', 'src', 'server', 'main.js')
/** Windows has no such limit. */
const onPosix = { skip: process.platform === 'win32' }

function socketWith(fd: number): Socket {
  return { _handle: { fd } } as unknown as Socket
}

test('half of the descriptors, at most 128, are kept for the store', () => {
  for (const [limit, firstRefused] of [
    [120, 60],
    [256, 128],
    [1024, 896],
    [65_536, 65_408],
  ]) {
    const descriptors = new Descriptors(() => limit)
    assert.equal(descriptors.areScarce(socketWith(firstRefused - 1)), false, `${limit}`)
    assert.equal(descriptors.areScarce(socketWith(firstRefused)), true, `${limit}`)
  }
})

test('the limit is asked for once, and not while numbers are low', () => {
  let asked = 0
  const descriptors = new Descriptors(() => {
    asked++
    return 120
  })
  for (let i = 0; i < 32; i++) assert.equal(descriptors.areScarce(socketWith(i)), false)
  assert.equal(asked, 0)
  for (let i = 50; i < 60; i++) assert.equal(descriptors.areScarce(socketWith(i)), false)
  assert.equal(asked, 1)
})

test('where there are no numbers, or no limit, nothing is scarce', () => {
  const unlimited = new Descriptors(() => Number.POSITIVE_INFINITY)
  assert.equal(unlimited.areScarce(socketWith(1_000_000)), false)
  const limited = new Descriptors(() => 120)
  for (const socket of [{}, { _handle: null }, { _handle: {} }, { _handle: { fd: -1 } }]) {
    assert.equal(limited.areScarce(socket as unknown as Socket), false)
  }
})

test('Node tells the limit', onPosix, () => {
  const limit = descriptorLimit()
  assert.ok(limit > 0 && (limit === Number.POSITIVE_INFINITY || Number.isInteger(limit)), `${limit}`)
})

test('the log tells of refusals less and less often, and of their end', () => {
  const told: string[] = []
  let nowMs = 0
  const log = new RefusalLog(
    (_level, text) => told.push(text),
    () => nowMs,
  )
  for (; nowMs < 10_000; nowMs++) log.refuse('no more')
  assert.ok(told.length > 10 && told.length < 20, `${told.length}`)
  assert.equal(told[0], 'a connection is refused: no more')
  assert.equal(told[1], '10 connections are refused: no more')
  assert.equal(told.at(-1), '1000 connections are refused: no more')
  log.accept()
  assert.match(told.at(-1) as string, /refused/)
  nowMs += 3000
  log.accept()
  assert.match(told.at(-1) as string, /^connections are accepted again/)
  const before = told.length
  log.accept()
  assert.equal(told.length, before)
})

interface Limited {
  child: ChildProcess
  output: () => string
  port: number
  monitorPort: number
}

/** A server that may have 120 descriptors. */
async function startLimited(t: { after(done: () => unknown): void }, folder: string): Promise<Limited> {
  const words = [process.execPath, main, '-a', '127.0.0.1', '-p', '-1', '-m', '-1', '-js', '-sd', folder]
  const command = `ulimit -n 120; exec ${words.map((word) => `'${word}'`).join(' ')}`
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr?.on('data', (chunk) => {
    output += chunk
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  while (!output.includes('Server is ready')) {
    if (child.exitCode !== null) throw new Error(output)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const portBehind = (text: string) => Number(new RegExp(`${text} \\S+:(\\d+)`).exec(output)?.[1])
  return {
    child,
    output: () => output,
    port: portBehind('Listening for client connections on'),
    monitorPort: portBehind('Starting http monitor on'),
  }
}

/** A client that says nothing; resolves to what it is told first, '' when it is hung up on without a word. */
function idle(port: number, sockets: Socket[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectSocket(port, '127.0.0.1')
    sockets.push(socket)
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
      setTimeout(() => resolve(text), 200)
    })
    socket.on('error', () => resolve(text))
    socket.on('close', () => resolve(text))
  })
}

test(
  'with 120 descriptors and 300 idle clients the store is read and written, and clients come back',
  onPosix,
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'contrail-descriptors-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const server = await startLimited(t, folder)
    const client = await connect({ port: server.port })
    const js = jetstream(client)
    const manager = await jetstreamManager(client)
    await manager.streams.add({ name: 'S', subjects: ['s.>'] })
    const body = Buffer.alloc(512 * 1024, 7)
    // Five segments, so that there are files to be opened later.
    for (let i = 0; i < 80; i++) await js.publish(`s.${i % 10}`, body)
    const sockets: Socket[] = []
    const greetings = await Promise.all(Array.from({ length: 300 }, () => idle(server.port, sockets)))
    const refused = greetings.filter((text) => text.includes("-ERR 'maximum connections exceeded'"))
    const accepted = greetings.filter((text) => /^INFO [^\n]*\n$/.test(text))
    assert.equal(
      refused.length + accepted.length,
      300,
      greetings.find((text) => !text.startsWith('INFO')),
    )
    assert.ok(accepted.length >= 5 && accepted.length < 60, `${accepted.length} accepted`)
    // Monitoring answers in the meantime, but does not take the rest either.
    const health = await fetch(`http://127.0.0.1:${server.monitorPort}/healthz`)
    assert.deepEqual([health.status, health.headers.get('connection')], [200, 'close'])
    await health.text()
    const watchers = Array.from({ length: 30 }, () => idle(server.monitorPort, sockets))
    const turnedAway = (await Promise.all(watchers)).filter((text) => text.startsWith('HTTP/1.1 503 '))
    assert.ok(turnedAway.length >= 22, `${turnedAway.length}`)
    for (let seq = 1; seq <= 80; seq += 7) {
      const message = await manager.streams.getMessage('S', { seq })
      assert.equal(message?.data.length, body.length, `sequence ${seq}`)
    }
    for (let i = 0; i < 40; i++) await js.publish(`s.${i % 10}`, body)
    const { state } = await manager.streams.info('S')
    assert.deepEqual([state.messages, state.first_seq, state.last_seq], [120, 1, 120])
    assert.match(server.output(), /\[ERR\] Client port: \d* ?connections? \w+ refused: 120 file descriptors/)
    for (const socket of sockets) socket.destroy()
    let again = ''
    for (let tries = 0; tries < 200 && !/^INFO [^\n]*\n$/.test(again); tries++) {
      again = await idle(server.port, sockets)
    }
    assert.match(again, /^INFO [^\n]*\n$/)
    for (const socket of sockets) socket.destroy()
    const other = await connect({ port: server.port })
    await other.close()
    assert.equal((await fetch(`http://127.0.0.1:${server.monitorPort}/healthz`)).status, 200)
    await client.close()
    assert.equal(server.child.exitCode, null)
  },
)
