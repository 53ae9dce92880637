/** A server in operation, as scripts and units know nats-server: signals, `-sl`, reload, lame duck mode, logs, files. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { connect } from '@nats-io/transport-node'
import { LogFile } from '../../src/server/log-file.ts'
import { eventually, Program } from './program.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const main = join(root, 'build', 'src', 'server', 'main.js')
const scratch = mkdtempSync(join(tmpdir(), 'contrail-operations-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
/** Windows has no signals to send. */
const onPosix = { skip: process.platform === 'win32' }
let files = 0

function place(name: string): string {
  return join(scratch, `${++files}-${name}`)
}

function config(text: string, path = place('server.conf')): string {
  writeFileSync(path, `listen: "127.0.0.1:-1"\n${text}`)
  return path
}

async function infoOf(port: number): Promise<Record<string, unknown>> {
  const client = await connect({ port })
  const { info } = client
  await client.close()
  return info as unknown as Record<string, unknown>
}

/** `-sl words`: exit code and what was printed. */
async function signal(t: TestContext, words: string): Promise<{ code: number | null; output: string }> {
  const program = new Program(t, [main, '-sl', words])
  return { code: await program.ended, output: program.output }
}

test('HUP takes a changed configuration, all of it or nothing', onPosix, async (t) => {
  const path = config('max_payload: 1000\nmax_connections: 10\n')
  const program = new Program(t, [main, '-c', path])
  const port = await program.port()
  assert.equal((await infoOf(port)).max_payload, 1000)

  config('max_payload: 2000\nmax_connections: 10\ndebug: true\n', path)
  program.child.kill('SIGHUP')
  await program.until('Reloaded server configuration')
  assert.match(program.output, /Reloaded: max_payload = 2000/)
  assert.equal((await infoOf(port)).max_payload, 2000)
  await program.until('[DBG]')

  for (const [text, sentence] of [
    ['max_payload: 3000\nmax_subs: 5\n', 'config reload not supported for MaxSubs: old=0, new=5'],
    [
      'max_payload: 3000\nserver_name: other\n',
      'config reload not supported for ServerName: old=, new=other',
    ],
    ['max_payload: 3000\nnonsense: 1\n', 'unknown field "nonsense"'],
    ['max_payload: 3000\nlog_file: "/nowhere/at/all"\n', 'error opening file: '],
    ['max_payload: 3000\nmax_pending: 100\n', 'max_payload (3000) cannot be higher than max_pending (100)'],
  ] as const) {
    config(text, path)
    program.child.kill('SIGHUP')
    await program.until(sentence)
    assert.equal((await infoOf(port)).max_payload, 2000)
  }
  program.child.kill('SIGTERM')
  assert.equal(await program.ended, 0)
})

test('HUP changes the limits of streams and consumers', onPosix, async (t) => {
  const folder = place('limited')
  const limits = (most: number) =>
    `jetstream { store_dir: "${folder}", limits { default_max_consumers: ${most} } }`
  const path = config(limits(1))
  const program = new Program(t, [main, '-c', path])
  const client = await connect({ port: await program.port() })
  const made = async (name: string): Promise<number> => {
    const request = { stream_name: 'S', config: { name, durable_name: name, ack_policy: 'explicit' } }
    const answer = await client.request(`$JS.API.CONSUMER.CREATE.S.${name}`, JSON.stringify(request))
    return answer.json<{ error?: { err_code: number } }>().error?.err_code ?? 0
  }
  await client.request('$JS.API.STREAM.CREATE.S', '{"name":"S","subjects":["s"],"storage":"memory"}')
  assert.deepEqual([await made('a'), await made('b')], [0, 10026])
  config(limits(2), path)
  program.child.kill('SIGHUP')
  await program.until('Reloaded: JetStream limits')
  assert.deepEqual([await made('b'), await made('c')], [0, 10026])
  await client.close()
})

test('-sl reloads, re-opens, quits and stops, by pid or by the file with it', onPosix, async (t) => {
  const pidFile = place('pid')
  const log = place('log')
  const path = config(`pid_file: "${pidFile}"\nlog_file: "${log}"\n`)
  const program = new Program(t, [main, '-c', path])
  const logged = (text: string) =>
    eventually(
      () => existsSync(log) && readFileSync(log, 'utf8').includes(text),
      () => text,
      program,
    )
  await logged('Server is ready')
  assert.equal(readFileSync(pidFile, 'utf8'), String(program.child.pid))

  assert.deepEqual(await signal(t, `reload=${pidFile}`), { code: 0, output: '' })
  await logged('Reloaded server configuration')
  renameSync(log, `${log}.old`)
  assert.equal((await signal(t, `reopen=${program.child.pid}`)).code, 0)
  await logged('File log re-opened')
  assert.equal((await signal(t, `quit=${pidFile}`)).code, 0)
  assert.equal(await program.ended, 0)
  assert.match(readFileSync(log, 'utf8'), /Trapped "interrupt" signal/)

  const gone = await signal(t, `stop=${pidFile}`)
  assert.deepEqual([gone.code, /no such process/.test(gone.output)], [1, true])
  const killed = new Program(t, [main, '-c', config('')])
  await killed.port()
  assert.equal((await signal(t, `stop=${killed.child.pid}`)).code, 0)
  assert.equal(await killed.ended, null)
})

test('-sl says what it does not understand, in the words of nats-server', async (t) => {
  for (const [words, sentence] of [
    ['foo=1', 'contrail-server: unknown signal "foo"\n'],
    ['reload=abc', 'contrail-server: invalid pid: abc\n'],
    ['reload=1=2', 'contrail-server: invalid signal parameters: [2]\n'],
  ] as const) {
    assert.deepEqual(await signal(t, words), { code: 1, output: sentence })
  }
})

test('in lame duck mode clients are told, then closed, and the server ends by itself', onPosix, async (t) => {
  const path = config('lame_duck_duration: "30s"\nlame_duck_grace_period: "100ms"\n')
  const program = new Program(t, [main, '-c', path])
  const port = await program.port()
  const client = await connect({ port, reconnect: false })
  await client.flush()
  const told: string[] = []
  const telling = (async () => {
    for await (const status of client.status()) told.push(status.type)
  })()
  program.child.kill('SIGUSR2')
  await program.until('Entering lame duck mode, stop accepting new clients')
  await assert.rejects(connect({ port, reconnect: false }))
  // It is on its way already.
  program.child.kill('SIGTERM')
  await client.closed()
  await telling
  assert.ok(told.includes('ldm'), `${told}`)
  assert.equal(await program.ended, 0)
  assert.match(program.output, /Closing existing clients\n.*\n?.*Initiating Shutdown/s)
  assert.match(program.output, /Server Exiting\.\.\n$/)
})

test('without clients lame duck mode ends at once', onPosix, async (t) => {
  const program = new Program(t, [main, '-c', config('')])
  await program.port()
  assert.equal((await signal(t, `ldm=${program.child.pid}`)).code, 0)
  assert.equal(await program.ended, 0)
})

test('a log file is put aside by its size, and so many are kept', () => {
  const path = place('rotated.log')
  const file = new LogFile({ path, sizeLimit: 100, maxFiles: 3, line: (_level, text) => `${text}\n` })
  for (let i = 0; i < 20; i++) file.write(`${'x'.repeat(110)} ${i}\n`)
  file.close()
  const aside = readdirSync(scratch).filter((name) => name.startsWith(`${files}-rotated.log.`))
  assert.equal(aside.length, 2)
  for (const name of aside) assert.match(name, /\.log\.\d{4}(\.\d\d){5}\.\d{9}$/)
  assert.match(readFileSync(path, 'utf8'), /^Rotated log, backup saved as ".*"\nPurged log file ".*"\n$/)
  assert.match(readFileSync(join(scratch, aside[1]), 'utf8'), /x 19\n$/)
})

test('a log that grows too large is rotated while the server runs', onPosix, async (t) => {
  const log = place('server.log')
  const path = config(`log_file: "${log}"\nlog_size_limit: 300\nlog_max_num: 2\ntrace: true\n`)
  const program = new Program(t, [main, '-c', path])
  const isRotated = () =>
    existsSync(log) && readFileSync(log, 'utf8').includes('Rotated log, backup saved as')
  await eventually(isRotated, () => 'it is not rotated', program)
  program.child.kill('SIGTERM')
  assert.equal(await program.ended, 0)
})

test('lines go to a syslog server by datagrams', async (t) => {
  const lines: string[] = []
  const socket = createSocket('udp4', (message) => void lines.push(message.toString()))
  t.after(() => socket.close())
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const address = `udp://127.0.0.1:${socket.address().port}`
  new Program(t, [main, '-a', '127.0.0.1', '-p', '-1', '-r', address, '-n', 'one'])
  await eventually(
    () => lines.some((line) => line.includes('Server is ready')),
    () => lines.join(''),
  )
  for (const line of lines)
    assert.match(line, /^<5>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S+ contrail-server\[\d+\]: [^\n]+\n$/)
})

test('and by a stream', async (t) => {
  let text = ''
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('data', (chunk) => {
      text += chunk
    })
  })
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
  const words = [main, '-a', '127.0.0.1', '-p', '-1', '-r', `tcp://127.0.0.1:${port}`]
  const program = new Program(t, words)
  await eventually(
    () => text.includes('Server is ready'),
    () => text,
    program,
  )
})

test('a syslog that is not understood ends the start', async (t) => {
  const program = new Program(t, [main, '-a', '127.0.0.1', '-p', '-1', '-r', 'http://x'])
  assert.equal(await program.ended, 1)
  assert.equal(program.output, 'contrail-server: error invalid network type: "http"\n')
})

test('a folder for the ports that is missing is told, and the server runs', async (t) => {
  const missing = join(scratch, 'missing')
  const words = [main, '-a', '127.0.0.1', '-p', '-1', '--ports_file_dir', missing, '-P', join(missing, 'x')]
  const program = new Program(t, words)
  await program.port()
  await program.until(/\[ERR\] Error writing ports file \(.*missing/)
  await program.until(/\[ERR\] Could not write pidfile: /)
})

test('a store folder that can not be made ends the start', async (t) => {
  const file = place('file')
  writeFileSync(file, '')
  const program = new Program(t, [main, '-a', '127.0.0.1', '-p', '-1', '-js', '-sd', join(file, 'store')])
  assert.equal(await program.ended, 1)
  assert.match(program.output, /\[FTL\] Can't start JetStream: /)
})

test('as nats-server it says so', async (t) => {
  const link = join(root, 'bin', 'nats-server')
  const version = new Program(t, [link, '--version'])
  assert.equal(await version.ended, 0)
  assert.match(version.output, /^nats-server: v2\.15\.2 /)
  const folder = mkdtempSync(join(scratch, 'ports-'))
  const program = new Program(t, [link, '-a', '127.0.0.1', '-p', '-1', '--ports_file_dir', folder])
  const port = await program.port()
  const file = join(folder, `nats-server_${program.child.pid}.ports`)
  await eventually(
    () => existsSync(file),
    () => 'no ports file',
    program,
  )
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { nats: [`nats://127.0.0.1:${port}`] })
})
