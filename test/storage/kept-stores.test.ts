/** Stores written by an earlier build are opened, and all that they held is there. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { NatsConnection } from '@nats-io/nats-core'
import { Server } from '../../src/server/index.ts'
import { api, copied, ENCRYPTION, KEPT_STORES, publish, tell, unpack } from './fixtures/kept-store.ts'
import { PACKED_STORE, packedSegments, tellPacked } from './fixtures/packed-store.ts'

const fixtures = join(import.meta.dirname, '..', '..', '..', 'test', 'storage', 'fixtures')

for (const name of KEPT_STORES) {
  test(`the store ${name} of an earlier build is opened with all that it held`, async (t) => {
    const storeDir = await mkdtemp(join(tmpdir(), 'contrail-kept-'))
    t.after(() => rm(storeDir, { recursive: true }))
    const told = await unpack(join(fixtures, `${name}.json.gz`), storeDir)
    const start = (): Promise<Server> =>
      Server.start({
        port: -1,
        storeDir,
        ...(name.startsWith('encrypted') ? { encryption: ENCRYPTION } : {}),
      })
    let server = await start()
    let connection = await server.connect()
    assert.deepEqual(await tell(connection), told)
    await goesOn(connection)
    const later = await tell(connection)
    await connection.close()
    await server.stop()
    // As this build writes it, it is opened again.
    server = await start()
    connection = await server.connect()
    assert.deepEqual(await tell(connection), later)
    await connection.close()
    await server.stop()
  })
}

test(`the store ${PACKED_STORE}, with compressed segments, is opened with all that it held`, async (t) => {
  const storeDir = await mkdtemp(join(tmpdir(), 'contrail-kept-'))
  t.after(() => rm(storeDir, { recursive: true }))
  const told = await unpack(join(fixtures, `${PACKED_STORE}.json.gz`), storeDir)
  assert.ok(packedSegments(storeDir) >= 2)
  for (let starts = 0; starts < 2; starts++) {
    const server = await Server.start({ port: -1, storeDir })
    const connection = await server.connect()
    assert.deepEqual(await tellPacked(connection), told)
    await connection.close()
    await server.stop()
  }
})

/** Ids, counters, and how far copies have come are not in what is told: they show in what is done next. */
async function goesOn(connection: NatsConnection): Promise<void> {
  for (const id of ['order-1', 'order-10', 'order-15']) {
    const again = await publish(connection, 'orders.eu.0', 'again', { 'Nats-Msg-Id': id })
    assert.equal(again.duplicate, true, id)
  }
  const counted = await publish(connection, 'counts.0', '', { 'Nats-Incr': '1' })
  assert.equal(counted.val, '21')
  const { seq } = await publish(connection, 'orders.eu.9', 'new', { 'Nats-Msg-Id': 'new' })
  assert.equal(seq, 17)
  await copied(connection, 'COPY', 17)
  await copied(connection, 'SOME', 11)
  const { state } = (await api(connection, 'STREAM.INFO.SOME')) as {
    state: { messages: number; last_seq: number }
  }
  assert.deepEqual([state.messages, state.last_seq], [11, 11])
}
