import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import {
  ArchiveReader,
  ArchiveWriter,
  crc32c,
  DamagedArchive,
  S2Decoder,
  S2Encoder,
} from '../../src/archive/index.ts'
import { decodeBlock, encodeBlock } from '../../src/archive/s2-block.ts'

/** Numbers by chance, the same each time. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

function pack(bytes: Buffer): Buffer {
  const chunks: Buffer[] = []
  const encoder = new S2Encoder((chunk) => chunks.push(chunk))
  encoder.write(bytes)
  encoder.flush()
  return Buffer.concat(chunks)
}

function unpack(stream: Buffer, pieceBytes: number): Buffer {
  const out: Buffer[] = []
  const decoder = new S2Decoder((bytes) => out.push(bytes))
  for (let at = 0; at < stream.length; at += pieceBytes) decoder.write(stream.subarray(at, at + pieceBytes))
  decoder.end()
  return Buffer.concat(out)
}

test('CRC-32C of the check string is that of the standard', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
})

test('what is packed comes back, however it is cut, and text becomes smaller', () => {
  const text = Buffer.from('{"sku":"nut","quantity":3,"note":"as always"}\n'.repeat(5000))
  const chance = random(7)
  const mixed = Buffer.concat(
    Array.from({ length: 300 }, () =>
      chance() < 0.5
        ? randomBytes(Math.floor(chance() * 2000))
        : Buffer.alloc(Math.floor(chance() * 3000), 97),
    ),
  )
  for (const bytes of [Buffer.from('a'), text, mixed, randomBytes(200_000), Buffer.alloc(70_000)]) {
    const stream = pack(bytes)
    for (const pieceBytes of [1021, 65_536, stream.length]) {
      assert.ok(unpack(stream, pieceBytes).equals(bytes))
    }
  }
  assert.ok(pack(text).length < text.length / 10)
})

test('blocks of every small length go round', () => {
  const chance = random(3)
  for (let length = 1; length < 300; length++) {
    const bytes = Buffer.from(Array.from({ length }, () => 97 + Math.floor(chance() * 3)))
    const packed = encodeBlock(bytes)
    if (packed !== null) assert.ok(decodeBlock(packed, length).equals(bytes), `${length}`)
  }
})

test('repeated offsets, which Snappy has not, are read', () => {
  // "abcd", a copy of 4 from 4 back, the same offset again: 4, then 4 + 4 + 2, then 256 + 4 + 1.
  const block = Buffer.from([0xef, 0x02, 0x0c, 97, 98, 99, 100, 0x01, 4, 0x01, 0, 0x15, 0, 2, 0x19, 0, 1, 0])
  const length = 4 + 4 + 4 + 10 + 261
  block[0] = (length & 0x7f) | 0x80
  block[1] = length >> 7
  assert.equal(decodeBlock(block, 1000).toString(), 'abcd'.repeat(100).slice(0, length))
})

test('a damaged stream is refused, and never read beyond its end', () => {
  const text = Buffer.from('some text, some text, some text '.repeat(200))
  const stream = pack(text)
  const chance = random(11)
  let refused = 0
  for (let i = 0; i < 2000; i++) {
    const broken = Buffer.from(stream)
    broken[Math.floor(chance() * broken.length)] ^= 1 << Math.floor(chance() * 8)
    try {
      const bytes = unpack(broken, broken.length)
      // A flip in the type of a chunk may make it one that is passed over, one in a copy may copy the same.
      assert.ok(bytes.equals(text) || bytes.length === 0)
    } catch (thrown) {
      assert.ok(thrown instanceof Error && !/AssertionError|RangeError/.test(thrown.name), String(thrown))
      refused++
    }
  }
  assert.ok(refused > 1000, `${refused}`)
  assert.throws(() => unpack(stream.subarray(0, stream.length - 1), 1000), /middle of a chunk/)
  assert.throws(() => unpack(Buffer.from('{"config":{}}'), 100))
})

test('entries of an archive come back, however they are cut', () => {
  const chunks: Buffer[] = []
  const writer = new ArchiveWriter((bytes) => chunks.push(bytes))
  writer.entry(Buffer.from('state.json'), -5n, 0, 0, Buffer.from('{}'))
  writer.entry(Buffer.from('orders.new'), 1_700_000_000_123_456_789n, 2 ** 40, 4, Buffer.from('headbody'))
  writer.end()
  const all = Buffer.concat(chunks)
  for (const pieceBytes of [1, 7, all.length]) {
    const reader = new ArchiveReader()
    const entries = []
    for (let at = 0; at < all.length; at += pieceBytes) {
      reader.write(all.subarray(at, at + pieceBytes))
      for (let entry = reader.next(); entry !== null; entry = reader.next()) entries.push(entry)
    }
    assert.deepEqual(
      entries.map(({ name, timeNs, seq, headerLength, body }) => [
        name,
        timeNs,
        seq,
        headerLength,
        body.toString(),
      ]),
      [
        ['state.json', -5n, 0, 0, '{}'],
        ['orders.new', 1_700_000_000_123_456_789n, 2 ** 40, 4, 'headbody'],
        ['', 0n, 0, 0, ''],
      ],
    )
    assert.equal(reader.held, 0)
  }
})

test('what is no archive, or claims to be larger than anything is, is refused', () => {
  const no = new ArchiveReader()
  no.write(Buffer.from('TARTARTAR'))
  assert.throws(() => no.next(), DamagedArchive)
  const huge = new ArchiveReader()
  huge.write(
    Buffer.concat([Buffer.from('NATSARC1'), Buffer.from([1, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f])]),
  )
  assert.throws(() => huge.next(), DamagedArchive)
})
