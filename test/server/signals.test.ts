import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { Program } from './program.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const main = join(root, 'build', 'src', 'server', 'main.js')
const scratch = mkdtempSync(join(tmpdir(), 'contrail-signals-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
/** Windows has no signals to send. */
const onPosix = { skip: process.platform === 'win32' }
const IGNORED: NodeJS.Signals[] = ['SIGHUP', 'SIGUSR1', 'SIGUSR2']

const server = (sd: string): string[] => ['-a', '127.0.0.1', '-p', '-1', '-js', '-sd', join(scratch, sd)]

test('HUP and USR1 neither end a server nor open the inspector', onPosix, async (t) => {
  const program = new Program(t, [main, ...server('one')])
  const port = await program.port()
  program.child.kill('SIGHUP')
  await program.until(
    /Trapped "hangup" signal\n.*Failed to reload server configuration: can only reload config when a file/,
  )
  program.child.kill('SIGUSR1')
  await program.until(/Trapped "user defined signal 1" signal\n.*File log re-open ignored, not a file logger/)
  const client = await connect({ port })
  await client.flush()
  await client.close()
  program.child.kill('SIGTERM')
  assert.equal(await program.ended, 0)
  assert.doesNotMatch(program.output, /Debugger listening/)
})

test('nor while they start', onPosix, async (t) => {
  // With -t nothing is served: most of its life is its start.
  const file = join(scratch, 'c.conf')
  writeFileSync(file, 'port: -1\n')
  const programs = IGNORED.flatMap((signal) =>
    ['contrail-server', 'contrail'].map((bin) => {
      const words = bin === 'contrail' ? ['server'] : []
      const loaded = join(scratch, `loaded-${signal}-${bin}.mjs`)
      // Has the signal sent when the program's first lines have run, while it loads the rest: from outside it might be too late.
      writeFileSync(
        loaded,
        `const timer = setInterval(() => {
  if (process.listenerCount(${JSON.stringify(signal)}) === 0) return
  clearInterval(timer)
  process.kill(process.pid, ${JSON.stringify(signal)})
  process.stdout.write('begun')
}, 0)
`,
      )
      return {
        signal,
        program: new Program(t, [
          '--import',
          `file://${loaded}`,
          join(root, 'bin', bin),
          ...words,
          '-c',
          file,
          '-t',
        ]),
      }
    }),
  )
  for (const { signal, program } of programs) {
    await program.until('begun')
    assert.equal(await program.ended, 0, `${signal} ${program.output}`)
    assert.doesNotMatch(program.output, /Debugger listening/)
  }
})

test('nor an app, its parent or its workers', onPosix, async (t) => {
  const app = join(root, 'build', 'src', 'app', 'index.js')
  const file = join(scratch, 'app.mjs')
  writeFileSync(
    file,
    `import { App } from ${JSON.stringify(`file://${app}`)}
export default new App({ memory: true })
`,
  )
  const entry = join(root, 'build', 'src', 'cli', 'main.js')
  for (const words of [
    ['run', file],
    ['run', file, '--workers', '2', '--dir', join(scratch, 'workers')],
  ]) {
    const program = new Program(t, [entry, ...words])
    await program.until(words.length > 2 ? /"started"[\s\S]*"started"/ : '"started"')
    const workers = [...program.output.matchAll(/"pid":(\d+)/g)].map((match) => Number(match[1]))
    for (const signal of IGNORED) {
      program.child.kill(signal)
      await program.until(`contrail: ${signal} has no effect`)
      for (const pid of new Set(workers)) process.kill(pid, signal)
      await program.until(`"signal":"${signal}"`)
    }
    program.child.kill('SIGTERM')
    assert.equal(await program.ended, 0, program.output)
    assert.doesNotMatch(program.output, /Debugger listening/)
  }
})

for (const [what, code] of [
  ['an uncaught exception', `setTimeout(() => { throw new Error('broken\\nforged') }, 0)`],
  ['an unhandled rejection', `Promise.reject(new Error('broken\\nforged'))`],
] as const) {
  test(
    `${what} is logged as fatal and ends the process, and nothing acknowledged is lost`,
    onPosix,
    async (t) => {
      const folder = `store-${what.length}`
      const wrapper = join(scratch, `${folder}.mjs`)
      // A fault that comes when it is told to.
      writeFileSync(
        wrapper,
        `process.on('SIGWINCH', () => { ${code} })\nawait import(${JSON.stringify(`file://${main}`)})\n`,
      )
      const program = new Program(t, [wrapper, ...server(folder)])
      await program.until('Server is ready')
      const client = await connect({
        port: Number(/client connections on \S+:(\d+)/.exec(program.output)?.[1]),
      })
      await (await jetstreamManager(client)).streams.add({ name: 'S', subjects: ['s'] })
      const js = jetstream(client)
      for (let i = 0; i < 20; i++) await js.publish('s', `${i}`)
      const closed = client.close()
      program.child.kill('SIGWINCH')
      assert.equal(await program.ended, 2, program.output)
      await closed
      const fatal = program.output.split('\n').filter((line) => line.includes('[FTL]'))
      assert.match(fatal[0], /\[FTL\] un(caught exception|handled rejection): broken\\nforged$/)
      assert.ok(fatal.length > 1, 'the stack is there')
      assert.doesNotMatch(program.output, /^forged/m)
      assert.doesNotMatch(program.output, /Initiating Shutdown/)
      const again = new Program(t, [main, ...server(folder)])
      await again.until('Server is ready')
      const second = await connect({
        port: Number(/client connections on \S+:(\d+)/.exec(again.output)?.[1]),
      })
      const { state } = await (await jetstreamManager(second)).streams.info('S')
      assert.equal(state.messages, 20)
      await second.close()
    },
  )
}
