import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import type { AccountJetStreamOptions, ServerOptions } from '../../src/server/index.ts'
import { start } from './support.ts'

const withLimits = (limits: Record<string, AccountJetStreamOptions | boolean>): ServerOptions => ({
  jetstream: true,
  maxMemoryStore: 10_000,
  accounts: Object.fromEntries(
    Object.entries(limits).map(([name, jetstream]) => [
      name,
      { jetstream, users: [{ user: name, password: 'x' }] },
    ]),
  ),
})

async function manage(t: TestContext, server: Awaited<ReturnType<typeof start>>, user: string) {
  const client = await server.connect({ user })
  t.after(() => client.close())
  return jetstreamManager(client, { checkAPI: false })
}

test('an embedded server gives accounts so much of JetStream, and others of it at a reload', async (t) => {
  const server = await start(t, withLimits({ a: { maxStreams: 1, maxMemory: 5000 }, b: true, c: false }))
  const a = await manage(t, server, 'a')
  await a.streams.add({ name: 'S', subjects: ['s'], max_bytes: 3000 })
  await assert.rejects(a.streams.add({ name: 'T', subjects: ['t'] }), /maximum number of streams reached/)
  assert.equal((await a.getAccountInfo()).limits.max_memory, 5000)
  const c = await manage(t, server, 'c')
  await assert.rejects(c.getAccountInfo(), /not enabled/)

  server.reload(withLimits({ a: { maxMemory: 4000 }, b: true, c: { maxStreams: 3 } }))
  await a.streams.add({ name: 'T', subjects: ['t'], max_bytes: 500 })
  await assert.rejects(a.streams.add({ name: 'U', subjects: ['u'], max_bytes: 600 }), /insufficient memory/)
  assert.equal((await c.getAccountInfo()).limits.max_streams, 3)

  // More than the server has: all stays as it was.
  server.reload(withLimits({ a: { maxMemory: 9000 }, b: { maxMemory: 9000 }, c: false }))
  assert.equal((await a.getAccountInfo()).limits.max_memory, 4000)
  assert.equal((await c.getAccountInfo()).limits.max_streams, 3)

  server.reload(withLimits({ a: false, b: { maxMemory: 9000 }, c: false }))
  await assert.rejects(a.getAccountInfo(), /not enabled/)
  server.reload(withLimits({ a: { maxMemory: 1000 }, b: { maxMemory: 9000 }, c: false }))
  // Its streams are opened first.
  const back = async (): Promise<number> => {
    for (;;) {
      try {
        return (await a.getAccountInfo()).reserved_memory
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
  }
  assert.equal(await back(), 3500)
})

test('the system account has no JetStream', async (t) => {
  const options = { ...withLimits({ s: true, a: true }), systemAccount: 's' }
  await assert.rejects(start(t, options), /^Error: Not allowed to enable JetStream on the system account$/)
})
