/** Encryption at rest: nothing in the files can be read, the key is needed, and it can be changed. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { realClock } from '../../src/ports/real-clock.ts'
import { realFileSystem } from '../../src/ports/real-file-system.ts'
import { type Encryption, type MessageLog, Store } from '../../src/storage/index.ts'
import { Sealer } from '../../src/storage/sealing/index.ts'
import { decodeSeal, findBlocks } from '../../src/storage/sealing/sealer.ts'
import { readAll } from './read-all.ts'
import { SMALL_LIMITS } from './small-limits.ts'

const root = fs.mkdtempSync(join(tmpdir(), 'contrail-encryption-'))
after(() => fs.rmSync(root, { recursive: true, force: true }))

const MESSAGES = 300
const CIPHERS = ['aes', 'chacha'] as const

function open(directory: string, encryption?: Encryption): Promise<Store> {
  return Store.open({
    directory,
    fileSystem: realFileSystem,
    clock: realClock,
    limits: SMALL_LIMITS,
    ...(encryption === undefined ? {} : { encryption: { cost: 2, ...encryption } }),
  })
}

async function fill(store: Store): Promise<void> {
  const log = store.createLog('telltale-stream', { title: 'telltale-meta' }, { inMemory: false })
  const ledger = log.createLedger('telltale-consumer', {})
  ledger.snapshot = () => Buffer.from('telltale-snapshot')
  for (let i = 1; i <= MESSAGES; i++) {
    const subject = Buffer.from(`telltale-subject.${i % 7}`)
    const body = Buffer.from(`telltale-payload ${i}`)
    log.append(subject, 0, subject.length, body, 0, 0, body.length, 1, i)
    if (i % 10 === 0) {
      log.remove(i)
      await new Promise<void>((resolve) => store.barrier(resolve))
    }
  }
  await new Promise<void>((resolve) => store.barrier(resolve))
}

async function checkFilled(store: Store): Promise<void> {
  const read = await readAll(store.logs.get('telltale-stream') as MessageLog)
  assert.equal(read.length, MESSAGES * 0.9)
  for (const { seq, subject, payload } of read) {
    assert.equal(subject, `telltale-subject.${seq % 7}`)
    assert.equal(payload, `telltale-payload ${seq}`)
  }
}

function filesWith(directory: string, text: string): string[] {
  const names = fs.readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => {
    const path = join(directory, name)
    if (!fs.statSync(path).isFile()) return false
    const content = fs.readFileSync(path)
    return content.includes(text) || content.includes(Buffer.from(text).toString('base64').slice(0, 8))
  })
}

for (const cipher of CIPHERS) {
  test(`${cipher}: what is stored is read again, and nothing in the files tells of it`, async () => {
    const directory = join(root, cipher)
    const store = await open(directory, { cipher, key: 'the key' })
    await fill(store)
    // As a kill would leave it: all is in the journal, some in segments.
    fs.cpSync(directory, `${directory}-killed`, { recursive: true })
    await store.close()
    for (const each of [directory, `${directory}-killed`]) {
      assert.deepEqual(filesWith(each, 'telltale'), [])
      fs.rmSync(join(each, 'lock'), { force: true })
      const again = await open(each, { cipher, key: 'the key' })
      await checkFilled(again)
      await again.close()
      assert.deepEqual(filesWith(each, 'telltale'), [])
    }
  })
}

test('without a key, or with a wrong one, the store is refused and stays as it is', async () => {
  const directory = join(root, 'wrong')
  const store = await open(directory, { cipher: 'aes', key: 'right' })
  await fill(store)
  await store.close()
  await assert.rejects(open(directory), /wrong: encrypted; name its cipher and key/)
  await assert.rejects(open(directory, { cipher: 'aes', key: 'other' }), /key does not open it; give the one/)
  await assert.rejects(
    open(directory, { cipher: 'aes', key: 'other', previousKey: 'another' }),
    /key does not open it; neither does prev_key/,
  )
  const again = await open(directory, { cipher: 'aes', key: 'right' })
  await checkFilled(again)
  await again.close()
})

test('another key and another cipher take over from the previous ones', async () => {
  const directory = join(root, 'rotation')
  const store = await open(directory, { cipher: 'aes', key: 'first' })
  await fill(store)
  await store.close()
  const rotated = await open(directory, { cipher: 'chacha', key: 'second', previousKey: 'first' })
  await checkFilled(rotated)
  await rotated.close()
  await assert.rejects(open(directory, { cipher: 'chacha', key: 'first' }), /does not open it/)
  const again = await open(directory, { cipher: 'chacha', key: 'second' })
  await checkFilled(again)
  await again.close()
})

test('a store that was not encrypted becomes so, whole, when it is opened with a key', async () => {
  const directory = join(root, 'converted')
  const store = await open(directory)
  await fill(store)
  fs.cpSync(directory, `${directory}-killed`, { recursive: true })
  await store.close()
  for (const each of [directory, `${directory}-killed`]) {
    assert.notDeepEqual(filesWith(each, 'telltale'), [])
    fs.rmSync(join(each, 'lock'), { force: true })
    const encrypted = await open(each, { cipher: 'aes', key: 'new' })
    assert.deepEqual(filesWith(each, 'telltale'), [])
    await checkFilled(encrypted)
    await encrypted.close()
    const again = await open(each, { cipher: 'aes', key: 'new' })
    await checkFilled(again)
    await again.close()
  }
})

test('the key is not made anew over sealed data when store.json is damaged', async () => {
  const directory = join(root, 'damaged')
  const store = await open(directory, { cipher: 'aes', key: 'key' })
  await fill(store)
  await store.close()
  const path = join(directory, 'store.json')
  const intact = fs.readFileSync(path)
  fs.writeFileSync(path, 'rubbish')
  const byCopy = await open(directory, { cipher: 'aes', key: 'key' })
  await checkFilled(byCopy)
  await byCopy.close()
  fs.writeFileSync(path, 'rubbish')
  fs.writeFileSync(`${path}.copy`, 'rubbish')
  await assert.rejects(
    open(directory, { cipher: 'aes', key: 'key' }),
    /store.json: damaged, and so is its copy/,
  )
  fs.writeFileSync(path, intact)
  const again = await open(directory, { cipher: 'aes', key: 'key' })
  await checkFilled(again)
  await again.close()
})

test('a block is opened by either end, tells what was changed in it, and no nonce comes twice', () => {
  for (const cipher of CIPHERS) {
    const sealer = new Sealer(Buffer.alloc(32, 7), cipher)
    const text = Buffer.from('what is to be kept secret')
    const block = sealer.seal(text, 4711)
    assert.notDeepEqual(sealer.seal(text, 4711), block)
    for (const end of [0, block.length - 64]) {
      const seal = decodeSeal(block, end)
      assert.ok(seal !== null)
      assert.equal(seal.place, 4711)
      assert.deepEqual(sealer.open(seal, block.subarray(64, -64)), { plain: text, isGood: true })
    }
    for (let bit = 0; bit < block.length * 8; bit += 3) {
      const damaged = Buffer.from(block)
      damaged[bit >>> 3] ^= 1 << (bit & 7)
      let gaps = 0
      const [found] = findBlocks(damaged, 0, damaged.length, () => gaps++)
      const opened = sealer.open(found.seal, damaged.subarray(found.start, found.start + found.seal.length))
      const wrong = opened.plain.filter((byte, i) => byte !== text[i]).length
      const isInText = bit >= 64 * 8 && bit < (block.length - 64) * 8
      assert.equal(wrong, isInText ? 1 : 0)
      if (isInText) assert.equal(opened.isGood, false)
      else if (bit < 64 * 8) assert.equal(gaps, 1, `bit ${bit} of the head`)
    }
  }
})
