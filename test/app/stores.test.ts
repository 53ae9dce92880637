import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { ContrailError } from '../../src/app/index.ts'
import { makeApp } from './support.ts'

test('a bucket waits a moment for a stream that nobody leads, and says so when it stays away', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue<number>('stock')
  await app.start()
  await stock.put('nut', 1)
  const { streams } = app.context.jsm
  // As while a cluster elects: nothing listens on the subjects.
  const { config } = await streams.info('KV_stock')
  await streams.delete('KV_stock')
  const waiting = Promise.all([
    stock.put('bolt', 2),
    stock.get('nut'),
    stock.update('washer', (value) => (value ?? 0) + 3),
  ])
  await pause(600)
  await streams.add(config)
  const [, nut] = await waiting
  assert.equal(nut, undefined)
  assert.deepEqual([await stock.get('bolt'), await stock.get('washer')], [2, 3])
  await streams.delete('KV_stock')
  await assert.rejects(stock.put('bolt', 3), (error: ContrailError) => {
    assert.equal(error.code, 'NO_RESPONDERS')
    assert.match(error.message, /Nobody answers for the bucket "stock"/)
    return true
  })
})

test('an object goes to a file and comes back from one', async (t) => {
  const app = makeApp(t)
  const files = app.objectStore('files')
  await app.start()
  const folder = mkdtempSync(join(tmpdir(), 'contrail-objects-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const [from, to] = [join(folder, 'report.pdf'), join(folder, 'copy.pdf')]
  writeFileSync(from, 'pages')
  await files.putFile('report.pdf', from)
  const info = await files.getFile('report.pdf', to)
  assert.deepEqual([info?.size, readFileSync(to, 'utf8')], [5, 'pages'])
  assert.equal(await files.getFile('none', join(folder, 'none')), undefined)
})

test('in memory, too, a stream may have a limit of bytes', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { maxBytes: '1MB' })
  await app.start()
  assert.equal((await orders.info()).config.max_bytes, 1_000_000)
})

test('a file that can’t be read or written is named, and changes nothing in the store', async (t) => {
  const app = makeApp(t)
  const files = app.objectStore('files')
  await app.start()
  await files.put('report', 'first')
  const missing = join(tmpdir(), 'contrail-no-such-folder', 'report.txt')
  for (const attempt of [files.putFile('report', missing), files.getFile('report', missing)]) {
    await assert.rejects(
      attempt,
      (error: ContrailError) => error.code === 'FILE_FAILED' && error.message.includes(missing),
    )
  }
  assert.equal(new TextDecoder().decode(await files.get('report')), 'first')
})
