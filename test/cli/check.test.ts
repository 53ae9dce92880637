import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { jetstream, jetstreamManager, StoreCompression } from '@nats-io/jetstream'
import { Server, type ServerOptions } from '../../src/server/index.ts'

const contrail = join(import.meta.dirname, '..', '..', '..', 'bin', 'contrail')

function check(...words: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [contrail, 'check', ...words], { timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    )
  })
}

async function store(t: TestContext, options: ServerOptions = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-check-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const server = await Server.start({ ...options, storeDir: folder })
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

test('a repair sets the damaged record aside, makes indexes and documents anew, and loses nothing else', async (t) => {
  const folder = await store(t)
  for (const ending of ['.segment', '.index', 'state.json', 'checkpoint.json']) {
    const path = files(folder).find((each) => each.endsWith(ending)) as string
    const bytes = readFileSync(path)
    const at = ending === '.segment' ? bytes.indexOf('payload 100 ') : bytes.length - 30
    bytes[at] ^= 4
    writeFileSync(path, bytes)
  }
  const found = await check(folder)
  assert.equal(found.code, 1, found.output)
  assert.match(found.output, /index of segment 1 is missing or damaged/)
  assert.match(found.output, /state.json: damaged; its copy is used/)
  const { code, output } = await check(folder, '--repair')
  assert.equal(code, 0, output)
  assert.match(
    output,
    /Repaired: 1 messages are missing, and nothing else\. 1 damaged records are in .*damaged-.*jsonl/,
  )
  const aside = files(folder).find((path) => path.endsWith('.jsonl')) as string
  const { stream, sequences, bytes } = JSON.parse(readFileSync(aside, 'utf8'))
  assert.deepEqual([stream, sequences], ['$G/ORDERS', [100]])
  assert.match(Buffer.from(bytes, 'base64').toString('latin1'), /tayload 100 x{100}/)
  const again = await check(folder)
  assert.equal(again.code, 0, again.output)
  assert.match(again.output, /1 messages were lost before/)
  assert.match(again.output, /\$G\/ORDERS\s+199\s+1\s+200/)
  assert.match(again.output, /All is well/)
  const server = await Server.start({ storeDir: folder })
  const jsm = await jetstreamManager(await server.connect())
  assert.deepEqual((await jsm.streams.info('ORDERS')).state.lost?.msgs, [100])
  assert.match((await jsm.streams.getMessage('ORDERS', { seq: 101 }))?.string() ?? '', /^payload 101 /)
  await server.stop()
})

test('an encrypted store is checked and repaired with its key', async (t) => {
  const key = 'the key of the store'
  const folder = await store(t, { encryption: { key } })
  assert.match((await check(folder)).output, /encrypted; name its cipher and key/)
  process.env.CONTRAIL_KEY = key
  t.after(() => {
    delete process.env.CONTRAIL_KEY
  })
  assert.match((await check(folder)).output, /All is well/)
  const segment = files(folder).find((path) => path.endsWith('.segment')) as string
  const bytes = readFileSync(segment)
  bytes[bytes.length >> 1] ^= 4
  writeFileSync(segment, bytes)
  const { code, output } = await check(folder, '--repair')
  assert.equal(code, 0, output)
  assert.match(output, /not as it was sealed/)
  assert.match(output, /Repaired: 1 messages are missing/)
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

test('a store with compressed segments is read, and a flipped bit in one is told and repaired', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-check-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const limits = {
    segmentBytes: 64 * 1024,
    chunkBits: 12,
    firstJournalBytes: 32 * 1024,
    journalBytes: 32 * 1024,
    layoutBytes: 32 * 1024,
  }
  const server = await Server.start({ storeDir: folder, storage: { limits } })
  const nc = await server.connect()
  const config = { name: 'ORDERS', subjects: ['orders.>'], compression: StoreCompression.S2 }
  await (await jetstreamManager(nc)).streams.add(config)
  // Named by a state: written whole.
  const packed = (): string | undefined => {
    const path = files(folder).find((each) => each.endsWith(join('logs', '1', 'state.json')))
    const state = path === undefined ? '{}' : readFileSync(path, 'utf8').replace(/^.*\n/, '')
    const { segments = [] } = JSON.parse(state) as { segments?: { id: number; packing?: string }[] }
    const found = segments.find(({ packing }) => packing === 'done')
    return files(folder).find((each) => each.endsWith(`0${found?.id}.segment`))
  }
  let sent = 0
  while (sent < 1000 || packed() === undefined) {
    await Promise.all(
      Array.from({ length: 100 }, () =>
        jetstream(nc).publish('orders.a', `payload ${++sent} ${'x'.repeat(100)}`),
      ),
    )
  }
  await nc.close()
  await server.stop()
  const good = await check(folder)
  assert.equal(good.code, 0, good.output)
  assert.match(good.output, new RegExp(`\\$G/ORDERS\\s+${sent}\\s+1\\s+${sent}`))
  const segment = packed() as string
  const bytes = readFileSync(segment)
  bytes[Math.floor(bytes.length / 3)] ^= 4
  writeFileSync(segment, bytes)
  const bad = await check(folder)
  assert.equal(bad.code, 1, bad.output)
  const repaired = await check(folder, '--repair')
  assert.equal(repaired.code, 0, repaired.output)
  assert.match(repaired.output, /Repaired: \d+ messages are missing, and nothing else/)
  const again = await check(folder)
  assert.equal(again.code, 0, again.output)
  assert.match(again.output, /All is well/)
})
