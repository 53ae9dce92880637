/** Directories that can not be opened are refused with a sentence that says why. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { realClock } from '../../src/ports/real-clock.ts'
import { realFileSystem } from '../../src/ports/real-file-system.ts'
import { type MessageLog, Store } from '../../src/storage/index.ts'
import { readAll } from './read-all.ts'

const root = fs.mkdtempSync(join(tmpdir(), 'contrail-opening-'))
after(() => fs.rmSync(root, { recursive: true, force: true }))

function open(directory: string | null): Promise<Store> {
  return Store.open({ directory, fileSystem: realFileSystem, clock: realClock })
}

function append(log: MessageLog, text: string): void {
  const subject = Buffer.from('s')
  const body = Buffer.from(text)
  log.append(subject, 0, 1, body, 0, 0, body.length, 1, 1)
}

test('messages come back on the real file system, after a clean stop', async () => {
  const directory = join(root, 'real')
  const store = await open(directory)
  const log = store.createLog('log', { a: 1 }, { inMemory: false })
  for (let i = 0; i < 1000; i++) append(log, `message ${i}`)
  await new Promise<void>((resolve) => store.barrier(resolve))
  await store.close()
  assert.equal(fs.existsSync(join(directory, 'lock')), false)
  const again = await open(directory)
  const read = await readAll(again.logs.get('log') as MessageLog)
  assert.equal(read.length, 1000)
  assert.equal(read[999].payload, 'message 999')
  await again.close()
})

test('a directory in use by this process is refused', async () => {
  const directory = join(root, 'twice')
  const store = await open(directory)
  await assert.rejects(
    open(directory),
    new RegExp(`twice.lock.*in use by another server in this process.*${process.pid}`),
  )
  await store.close()
  await (await open(directory)).close()
})

test('a directory in use by another process is refused, and taken over when that is gone', async () => {
  const directory = join(root, 'other')
  fs.mkdirSync(directory)
  const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'])
  await new Promise((resolve) => other.once('spawn', resolve))
  fs.writeFileSync(join(directory, 'lock'), `${other.pid} some-token\n`)
  await assert.rejects(open(directory), new RegExp(`in use by the process ${other.pid}`))
  const gone = new Promise((resolve) => other.once('exit', resolve))
  other.kill('SIGKILL')
  await gone
  await (await open(directory)).close()
})

test('a lock left behind by a process that had our number is taken over', async () => {
  const directory = join(root, 'number')
  fs.mkdirSync(directory)
  fs.writeFileSync(join(directory, 'lock'), `${process.pid} a-token-of-before\n`)
  await (await open(directory)).close()
})

test('a directory of a newer format is refused, and left as it is', async () => {
  const directory = join(root, 'newer')
  await (await open(directory)).close()
  const body = Buffer.from('{"format":3}\n')
  const head = JSON.stringify({ format: 3, crc32: crc32(body, crc32('3')), length: body.length })
  const content = `${head}\n${body}`
  fs.writeFileSync(join(directory, 'store.json'), content)
  await assert.rejects(open(directory), /store\.json: written in format 3, and this version reads up to 2/)
  assert.equal(fs.readFileSync(join(directory, 'store.json'), 'utf8'), content)
  assert.equal(fs.existsSync(join(directory, 'lock')), false)
})

test('a path that is a file is refused', async () => {
  const path = join(root, 'file')
  fs.writeFileSync(path, '')
  await assert.rejects(open(path), /file/)
})

test('a directory without permission to write is refused', async (context) => {
  if (process.platform === 'win32') return
  const directory = join(root, 'readonly')
  fs.mkdirSync(directory, { mode: 0o500 })
  // The superuser may write anywhere: another user asks then.
  if (process.getuid?.() !== 0) {
    await assert.rejects(open(directory), /readonly.*not writable/)
    return
  }
  fs.chmodSync(root, 0o755)
  const module = new URL('../../src/storage/index.js', import.meta.url)
  const ports = new URL('../../src/ports/', import.meta.url)
  const script = `
    const { Store } = await import(${JSON.stringify(module.href)})
    const { realFileSystem } = await import(${JSON.stringify(new URL('real-file-system.js', ports).href)})
    const { realClock } = await import(${JSON.stringify(new URL('real-clock.js', ports).href)})
    process.setuid(65534)
    await Store.open({ directory: ${JSON.stringify(directory)}, fileSystem: realFileSystem, clock: realClock }).catch((e) => console.log(e.message))`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  context.diagnostic(run.stderr)
  assert.match(run.stdout, /readonly.*not writable/)
})

test('a store without a directory makes no files', async () => {
  const store = await open(null)
  const log = store.createLog('log', {}, { inMemory: false })
  assert.equal(log.inMemory, true)
  append(log, 'here')
  let isDone = false
  store.barrier(() => {
    isDone = true
  })
  assert.equal(isDone, true)
  assert.deepEqual(
    (await readAll(log)).map((each) => each.payload),
    ['here'],
  )
  await store.close()
})

test('of several processes that find one stale lock at once, one takes it over', async () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'contrail-lock-'))
  const module = JSON.stringify(new URL('../../src/ports/lock-file.js', import.meta.url).href)
  for (let round = 0; round < 3; round++) {
    const path = join(directory, `lock-${round}`)
    fs.writeFileSync(path, '999999999 gone\n')
    // All keep what they have until the last has tried: a process that is gone holds nothing.
    const script = `
      const { lockFile } = await import(${module})
      process.stdout.write('ready.')
      await new Promise((resolve) => process.stdin.once('data', resolve))
      await lockFile(${JSON.stringify(path)}).then(() => console.log('took it'), (error) => console.log(error.message))
      await new Promise((resolve) => process.stdin.once('data', resolve))
      process.exit()`
    const children = Array.from({ length: 6 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }),
    )
    const outputs = children.map(() => ({ stdout: '' }))
    const haveAll = (text: string): Promise<void> =>
      new Promise((resolve) => {
        for (const [i, { stdout }] of children.entries()) {
          stdout.on('data', (chunk) => {
            outputs[i].stdout += chunk
            if (outputs.every((each) => each.stdout.includes(text))) resolve()
          })
        }
      })
    const ready = haveAll('ready.')
    await ready
    for (const { stdout } of children) stdout.removeAllListeners('data')
    const tried = haveAll('\n')
    for (const { stdin } of children) stdin.write('go')
    await tried
    for (const { stdin } of children) stdin.write('end')
    const winners = outputs.filter(({ stdout }) => stdout.includes('took it'))
    assert.equal(winners.length, 1, outputs.map(({ stdout }) => stdout).join(''))
    assert.deepEqual(
      fs.readdirSync(directory).filter((name) => name.startsWith(`lock-${round}.`)),
      [],
    )
  }
  fs.rmSync(directory, { recursive: true })
})
