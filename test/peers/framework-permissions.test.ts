/** An app whose user may not do everything, on a nats-server with permissions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { App, ContrailError } from '../../src/app/index.ts'
import { MemoryLog } from '../app/support.ts'
import { PeerServer } from './servers.ts'

async function fails(failing: Promise<unknown>, code: string, names: RegExp): Promise<void> {
  await assert.rejects(failing, (error: ContrailError) => {
    assert.ok(error instanceof ContrailError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, names)
    return error.cause instanceof Error
  })
}

test('what a user may not do is told at once, with the subject', async (t) => {
  const server = await new PeerServer('nats-server', {
    config: `
      jetstream: enabled
      authorization {
        users: [{
          user: ann, password: secret
          permissions { publish { deny: ["hidden.>"] }, subscribe { deny: ["hidden.>"] } }
        }]
      }`,
  }).start()
  const app = new App({ servers: server.url, user: 'ann', password: 'secret' }, { log: new MemoryLog() })
  t.after(async () => {
    await app.stop()
    await server.dispose()
  })
  const hidden = app.stream('HIDDEN')
  await app.start()
  const begun = performance.now()
  await fails(hidden.publish('hidden.a', 1, { timeout: '60s' }), 'NOT_PERMITTED', /"hidden.a"/)
  await fails(app.request('hidden.a', 1, { timeout: '60s' }), 'NOT_PERMITTED', /"hidden.a"/)
  assert.ok(performance.now() - begun < 50_000, 'before the time-outs')
  app.subscribe('hidden.b', () => {})
  await fails(app.ready(), 'NOT_PERMITTED', /"hidden.b"/)
  const wrong = new App({ servers: server.url, user: 'ann', password: 'wrong' }, { log: new MemoryLog() })
  await fails(wrong.start(), 'NOT_AUTHORIZED', /127\.0\.0\.1/)
})
