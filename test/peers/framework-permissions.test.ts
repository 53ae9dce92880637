/** An app whose user may not do everything, on a nats-server with permissions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { App, ContrailError } from '../../src/app/index.ts'
import { MemoryLog, until } from '../app/support.ts'
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
          permissions { publish { deny: ["hidden.>", "$JS.API.STREAM.CREATE.DENIED"] }, subscribe { deny: ["hidden.>"] } }
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
  app.stream('DENIED')
  await fails(app.ready(), 'NOT_PERMITTED', /stream "DENIED".*STREAM\.CREATE\.DENIED/)
  const wrong = new App({ servers: server.url, user: 'ann', password: 'wrong' }, { log: new MemoryLog() })
  await fails(wrong.start(), 'NOT_AUTHORIZED', /127\.0\.0\.1/)
})

test('with declare none an app needs no more than to ask for messages and to acknowledge them', async (t) => {
  const server = await new PeerServer('nats-server', {
    config: `
      jetstream: enabled
      authorization {
        users: [
          { user: admin, password: secret }
          {
            user: worker, password: secret
            permissions {
              publish { allow: ["$JS.API.CONSUMER.MSG.NEXT.ORDERS.billing", "$JS.ACK.ORDERS.billing.>"] }
              subscribe { allow: ["_INBOX.>"] }
            }
          }
        ]
      }`,
  }).start()
  const log = new MemoryLog()
  const admin = new App({ servers: server.url, user: 'admin', password: 'secret' }, { log })
  const worker = new App({ servers: server.url, user: 'worker', password: 'secret' }, { log })
  t.after(async () => {
    await worker.stop()
    await admin.stop()
    await server.dispose()
  })
  const orders = admin.stream('ORDERS')
  const consumer = orders.consume('orders.>', { durable: 'billing' })
  await admin.start()
  await consumer.unsubscribe()
  const seen: unknown[] = []
  worker
    .stream('ORDERS', { declare: 'none' })
    .consume('orders.>', { durable: 'billing', declare: 'none' }, (data) => {
      seen.push(data)
    })
  await worker.start()
  for (const n of [1, 2, 3]) await orders.publish('orders.a', n)
  await until(async () => {
    const { num_ack_pending, delivered } = await admin.context.jsm.consumers.info('ORDERS', 'billing')
    return delivered.consumer_seq === 3 && num_ack_pending === 0
  })
  assert.deepEqual(seen, [1, 2, 3])
  assert.deepEqual(
    log.lines.filter(({ level }) => level === 'warn' || level === 'error'),
    [],
  )
})
