import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { Server } from '../../src/server/index.ts'

const contrail = join(import.meta.dirname, '..', '..', '..', 'bin', 'contrail')

function check(...words: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [contrail, 'check', ...words], { timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    )
  })
}

async function store(t: TestContext): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-check-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const server = await Server.start({ storeDir: folder })
  const nc = await server.connect()
  await (await jetstreamManager(nc)).streams.add({ name: 'ORDERS', subjects: ['orders.>'] })
  for (let i = 1; i <= 200; i++) await jetstream(nc).publish('orders.a', `payload ${i} ${'x'.repeat(100)}`)
  await nc.close()
  await server.stop()
  return folder
}

function files(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[])
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .sort()
}

function digest(folder: string): string {
  const hash = createHash('sha256')
  for (const path of files(folder)) hash.update(path).update(readFileSync(path))
  return hash.digest('hex')
}

test('a store is read whole, and not changed', async (t) => {
  const folder = await store(t)
  const before = digest(folder)
  const { code, output } = await check(folder)
  assert.equal(code, 0, output)
  assert.match(output, /\$G\/ORDERS\s+200\s+1\s+200/)
  assert.match(output, /All is well/)
  assert.equal(digest(folder), before)
})

test('a flipped bit is told with its stream, and costs one message', async (t) => {
  const folder = await store(t)
  const segment = files(folder).find((path) => path.endsWith('.segment')) as string
  const bytes = readFileSync(segment)
  bytes[bytes.indexOf('payload 100 ') + 20] ^= 4
  writeFileSync(segment, bytes)
  const { code, output } = await check(folder)
  assert.equal(code, 1, output)
  assert.match(output, /\$G\/ORDERS\s.*\s1\n/)
  assert.match(output, /1 messages are missing/)
})

test('a folder that is no store, or in use, is refused with a sentence', async (t) => {
  const folder = await store(t)
  assert.match((await check(join(folder, 'elsewhere'))).output, /is not the folder of a store/)
  const server = await Server.start({ storeDir: folder })
  const { code, output } = await check(folder)
  assert.equal(code, 1)
  assert.match(output, /in use by the process \d+/)
  await server.stop()
})
