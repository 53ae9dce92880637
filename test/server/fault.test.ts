import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import type { Bus } from '../../src/core/index.ts'
import type { FileHandle, FileSystem } from '../../src/ports/index.ts'
import { realClock } from '../../src/ports/real-clock.ts'
import { realFileSystem } from '../../src/ports/real-file-system.ts'
import { Server, ServerFault, type ServerOptions } from '../../src/server/index.ts'

/** The inside of a server, to break it. */
function busOf(server: Server): Bus {
  return (server as unknown as { bus: Bus }).bus
}

const broken = new Error('broken on purpose')

function explode(): never {
  throw broken
}

interface Broken {
  options: ServerOptions
  /** Has one of the server's own callbacks throw. */
  breakIt(server: Server): Promise<unknown>
}

async function publishSomething(server: Server): Promise<unknown> {
  const client = await connect({ port: server.port as number, reconnect: false })
  client.publish('s', 'x')
  return client.closed()
}

/** Callbacks of files throw once `isBroken`. */
function brokenFiles(): { fileSystem: FileSystem; isBroken: boolean } {
  const state = {
    isBroken: false,
    fileSystem: {
      ...realFileSystem,
      open: async (path: string, create: boolean): Promise<FileHandle> => {
        const handle = await realFileSystem.open(path, create)
        const write = handle.writeDurable.bind(handle)
        // The callback gets what it can't work with.
        handle.writeDurable = (buffer, offset, length, position, done) =>
          write(buffer, offset, length, position, (error) =>
            done(state.isBroken ? (new Proxy({}, { get: explode }) as Error) : error),
          )
        handle.writeDurableSync = undefined
        return handle
      },
    },
  }
  return state
}

const cases: Record<string, () => Broken> = {
  "a socket's bytes": () => ({
    options: {},
    breakIt: (server) => {
      busOf(server).account('$G').interest.route = explode
      return publishSomething(server)
    },
  }),
  'the end of a turn': () => ({
    options: {},
    breakIt: async (server) => busOf(server).turn.deferWork({ deferred: false, run: explode }),
  }),
  'a timer': () => ({
    options: {},
    breakIt: async (server) => busOf(server).clock.setTimer(explode, 1),
  }),
  'a promise that nobody waits for': () => ({
    options: {},
    breakIt: async (server) => Promise.reject(broken).catch(busOf(server).fault),
  }),
  'the callback of a file': () => {
    const files = brokenFiles()
    return {
      options: { storage: { fileSystem: files.fileSystem } },
      breakIt: (server) => {
        files.isBroken = true
        return publishSomething(server)
      },
    }
  },
  'what a client in the process publishes': () => ({
    options: {},
    breakIt: async (server) => {
      const client = await server.connect()
      busOf(server).account('$G').interest.route = explode
      // Not thrown at who publishes.
      client.publish('s', 'x')
      return client.closed()
    },
  }),
}

for (const [what, make] of Object.entries(cases)) {
  test(`a fault in ${what} stops the server and nothing else`, async (t) => {
    const storeDir = mkdtempSync(join(tmpdir(), 'contrail-fault-'))
    t.after(() => rmSync(storeDir, { recursive: true, force: true }))
    const { options, breakIt } = make()
    const told: string[] = []
    const server = await Server.start({
      ...options,
      storeDir,
      port: 0,
      monitorPort: 0,
      clock: realClock,
      logger: { log: (level, text) => void (level === 'fatal' && told.push(text)) },
    })
    const client = await server.connect()
    const manager = await jetstreamManager(client)
    await manager.streams.add({ name: 'S', subjects: ['s'] })
    for (let i = 0; i < 10; i++) await jetstream(client).publish('s', `${i}`)
    const outside = await connect({ port: server.port as number, reconnect: false })
    const other = await Server.start({ port: 0 })
    t.after(() => other.stop())
    await breakIt(server)
    const fault = await server.closed.then(
      () => assert.fail('it closed well'),
      (error: Error) => error,
    )
    assert.ok(fault instanceof ServerFault)
    assert.ok(fault.cause !== undefined)
    assert.match(fault.message, /^the server has stopped because of a fault of its own: /)
    await assert.rejects(server.stop(), (error) => error === fault)
    assert.ok(told.length > 1 && told[0] === fault.message, told.join('\n'))
    await Promise.all([outside.closed(), client.closed()])
    await assert.rejects(server.connect(), /the server has stopped/)
    // The others go on, and the store is free: what was acknowledged is in it.
    await (await connect({ port: other.port as number })).close()
    await using again = await Server.start({ storeDir })
    const found = await (await jetstreamManager(await again.connect())).streams.info('S')
    assert.ok(found.state.messages >= 10, `${found.state.messages}`)
  })
}

test('after a fault nothing is written any more', async (t) => {
  const storeDir = mkdtempSync(join(tmpdir(), 'contrail-fault-'))
  t.after(() => rmSync(storeDir, { recursive: true, force: true }))
  let isOver = false
  const late: string[] = []
  const watched: FileSystem = { ...realFileSystem }
  for (const name of ['rename', 'remove', 'removeTree', 'makeDirectory', 'syncDirectory'] as const) {
    watched[name] = async (...paths: string[]) => {
      if (isOver) late.push(name)
      await (realFileSystem[name] as (...paths: string[]) => Promise<void>)(...paths)
    }
  }
  watched.open = async (path, create) => {
    const handle = await realFileSystem.open(path, create)
    if (isOver) late.push(`open ${path}`)
    const { writeDurable } = handle
    handle.writeDurable = (...args) => {
      if (isOver) late.push(`write ${path}`)
      writeDurable.apply(handle, args)
    }
    handle.writeDurableSync = undefined
    return handle
  }
  const server = await Server.start({ storeDir, storage: { fileSystem: watched } })
  const client = await server.connect()
  await (await jetstreamManager(client)).streams.add({ name: 'S', subjects: ['s'] })
  client.publish('s', 'never acknowledged')
  busOf(server).fault(broken)
  isOver = true
  await assert.rejects(server.closed)
  await new Promise((resolve) => setTimeout(resolve, 700))
  assert.deepEqual(late, [])
})

test('without a logger a fault is a warning of the process', async () => {
  const server = await Server.start()
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  busOf(server).fault(broken)
  const warning = await warned
  assert.equal(warning.name, 'ContrailServerWarning')
  assert.match(warning.message, /broken on purpose/)
  await assert.rejects(server.closed)
})

test("the user's own exceptions stay the user's", async (t) => {
  const server = await Server.start({ port: 0 })
  t.after(() => server.stop())
  const client = await server.connect()
  client.subscribe('s', { callback: explode })
  const others = process.listeners('uncaughtException')
  const rejections = process.listeners('unhandledRejection')
  process.removeAllListeners('uncaughtException')
  process.removeAllListeners('unhandledRejection')
  const caught = new Promise((resolve) => {
    process.once('uncaughtException', resolve)
    process.once('unhandledRejection', resolve)
    setTimeout(resolve, 500, 'nothing')
  })
  try {
    client.publish('s', 'x')
    // The client keeps what a callback throws to itself, or lets it out: in any case the server has nothing to do with it.
    await Promise.race([caught, client.closed()])
  } finally {
    process.removeAllListeners('uncaughtException')
    process.removeAllListeners('unhandledRejection')
    for (const other of others) process.on('uncaughtException', other)
    for (const other of rejections) process.on('unhandledRejection', other)
  }
  // The client has given up reading; its timers go with it.
  await client.close().catch(() => {})
  const second = await connect({ port: server.port as number })
  await second.flush()
  await second.close()
})
