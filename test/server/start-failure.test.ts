import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { FileHandle, FileSystem } from '../../src/ports/index.ts'
import { realClock } from '../../src/ports/real-clock.ts'
import { realFileSystem } from '../../src/ports/real-file-system.ts'
import { Server, type ServerOptions } from '../../src/server/index.ts'

const scratch = mkdtempSync(join(tmpdir(), 'contrail-start-'))
after(() => rmSync(scratch, { recursive: true, force: true }))

/** The machine's files; one call fails, and what is open or locked is counted. */
class FailingFiles {
  calls = 0
  open = 0
  locks = 0
  private readonly failing: number

  constructor(failing: number) {
    this.failing = failing
  }

  readonly fileSystem: FileSystem = {
    ...realFileSystem,
    open: async (path, create) => {
      this.count()
      const handle = await realFileSystem.open(path, create)
      this.open++
      return this.handle(handle)
    },
    readFile: async (path) => {
      this.count()
      return realFileSystem.readFile(path)
    },
    readFileSync: (path) => {
      this.count()
      return realFileSystem.readFileSync(path)
    },
    makeDirectory: async (path) => {
      this.count()
      await realFileSystem.makeDirectory(path)
    },
    list: async (path) => {
      this.count()
      return realFileSystem.list(path)
    },
    lock: async (path) => {
      this.count()
      const unlock = await realFileSystem.lock(path)
      this.locks++
      return async () => {
        this.locks--
        await unlock()
      }
    },
  }

  private count(): void {
    if (this.calls++ === this.failing) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
  }

  private handle(handle: FileHandle): FileHandle {
    const close = handle.close.bind(handle)
    handle.close = (done) =>
      close((error) => {
        this.open--
        done(error)
      })
    return handle
  }
}

/** Sockets of this process that listen; one that is closed goes at the end of a turn. */
async function listeners(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 1))
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length
}

async function storeDir(): Promise<string> {
  const folder = mkdtempSync(join(scratch, 'store-'))
  await using server = await Server.start({ storeDir: folder })
  const client = await server.connect()
  const manager = await jetstreamManager(client)
  await manager.streams.add({ name: 'S', subjects: ['s'] })
  await manager.consumers.add('S', { durable_name: 'C' })
  for (let i = 0; i < 10; i++) await jetstream(client).publish('s', `${i}`)
  return folder
}

/** Starts, which may fail; then nothing is left of it, and the next start finds everything. True when it did start. */
async function tried(folder: string, options: ServerOptions, about: string): Promise<boolean> {
  const before = await listeners()
  let hasStarted = false
  try {
    const server = await Server.start({ storeDir: folder, port: 0, monitorPort: 0, ...options })
    hasStarted = true
    await server.stop()
  } catch (error) {
    assert.ok(error instanceof Error, about)
  }
  assert.equal(await listeners(), before, about)
  await using server = await Server.start({ storeDir: folder })
  const client = await server.connect()
  const { state } = await (await jetstreamManager(client)).streams.info('S')
  assert.equal(state.messages, 10, about)
  return hasStarted
}

test('a start that fails at any call to the file system leaves nothing behind', async () => {
  const folder = await storeDir()
  let failed = 0
  for (let failing = 0; ; failing++) {
    const files = new FailingFiles(failing)
    const about = `call ${failing}`
    if (!(await tried(folder, { storage: { fileSystem: files.fileSystem } }, about))) failed++
    assert.deepEqual([files.open, files.locks], [0, 0], about)
    if (files.calls <= failing) break
  }
  assert.ok(failed >= 4, `${failed} starts failed`)
})

test('a start that fails whenever the clock is asked leaves nothing behind', async () => {
  const folder = await storeDir()
  let failed = 0
  for (let failing = 1; ; failing++) {
    let calls = 0
    const count = (): void => {
      if (++calls === failing) throw new Error('no time')
    }
    const clock: ServerOptions['clock'] = {
      now: () => {
        count()
        return realClock.now()
      },
      setTimer: (callback, delayMs) => {
        count()
        return realClock.setTimer(callback, delayMs)
      },
    }
    const files = new FailingFiles(-1)
    if (!(await tried(folder, { clock, storage: { fileSystem: files.fileSystem } }, `call ${failing}`)))
      failed++
    assert.deepEqual([files.open, files.locks], [0, 0], `call ${failing}`)
    if (calls < failing) break
  }
  assert.ok(failed >= 2, `${failed} starts failed`)
})

test('a start that is aborted at any moment leaves nothing behind', async () => {
  const folder = await storeDir()
  for (let line = 1; ; line++) {
    const controller = new AbortController()
    let lines = 0
    const logger: ServerOptions['logger'] = {
      log: () => {
        if (++lines === line) controller.abort()
      },
    }
    await tried(folder, { logger, signal: controller.signal }, `line ${line}`)
    if (lines < line) break
  }
})

test('ports that are taken leave nothing behind', async () => {
  const folder = await storeDir()
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as { port: number }
  for (const options of [{ port }, { monitorPort: port }]) {
    const files = new FailingFiles(-1)
    const hasStarted = await tried(folder, { ...options, storage: { fileSystem: files.fileSystem } }, 'port')
    assert.equal(hasStarted, false)
    assert.deepEqual([files.open, files.locks], [0, 0])
  }
  await new Promise((resolve) => taken.close(resolve))
})

test('a stop whose store can not be closed stops all the same, and says so', async () => {
  const folder = await storeDir()
  const files = new FailingFiles(-1)
  const before = await listeners()
  const { fileSystem } = files
  const server = await Server.start({ storeDir: folder, port: 0, storage: { fileSystem } })
  const client = await server.connect()
  const broken: Error = Object.assign(new Error('EIO: i/o error, rename'), { code: 'EIO' })
  fileSystem.rename = () => Promise.reject(broken)
  await jetstream(client).publish('s', 'last')
  const stopped = await server.stop().then(
    () => null,
    (error: Error) => error,
  )
  const closed = await server.closed.then(
    () => null,
    (error: Error) => error,
  )
  assert.equal(stopped, closed)
  assert.equal(await listeners(), before)
  assert.deepEqual([files.open, files.locks], [0, 0])
  await using again = await Server.start({ storeDir: folder })
  const manager = await jetstreamManager(await again.connect())
  assert.equal((await manager.streams.info('S')).state.messages, 11)
})
