/** What is encoded is decoded, and nothing damaged passes for intact. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/ports/random.ts'
import * as format from '../../src/storage/format/journal-format.ts'
import {
  encodeRecord,
  isRecordIntact,
  RECORD_OVERHEAD_BYTES,
  RecordView,
  recordLengthAt,
  viewRecord,
} from '../../src/storage/format/record.ts'

function encoded(
  subject: Buffer,
  headers: Buffer,
  payload: Buffer,
  seq: number,
  sec: number,
  nsec: number,
): Buffer {
  const body = Buffer.concat([headers, payload])
  const length = RECORD_OVERHEAD_BYTES + subject.length + body.length
  const out = Buffer.alloc(length + 20)
  encodeRecord(
    out,
    10,
    length,
    seq,
    sec,
    nsec,
    subject,
    0,
    subject.length,
    body,
    0,
    headers.length,
    body.length,
  )
  return out
}

test('a message record goes round, whatever its sizes and its sequence', () => {
  const random = new Random(1)
  const view = new RecordView()
  for (let round = 0; round < 500; round++) {
    const bytes = (most: number): Buffer =>
      Buffer.from(Array.from({ length: random.below(most) }, () => random.below(256)))
    const subject = bytes(round % 10 === 0 ? 65536 : 60)
    const headers = bytes(round % 2 === 0 ? 200 : 1)
    const payload = bytes(round % 20 === 0 ? 100_000 : 200)
    const seq = Math.floor(random.next() * 2 ** (1 + random.below(47)))
    const sec = random.below(2 ** 32)
    const nsec = random.below(1e9)
    const out = encoded(subject, headers, payload, seq, sec, nsec)
    const length = recordLengthAt(out, 10, out.length)
    assert.equal(length, out.length - 20)
    assert.ok(isRecordIntact(out, 10, length))
    assert.ok(viewRecord(view, out, 10, length))
    assert.deepEqual([view.seq, view.sec, view.nsec, view.headerLength], [seq, sec, nsec, headers.length])
    assert.deepEqual(out.subarray(view.subjectStart, view.subjectEnd), subject)
    assert.deepEqual(out.subarray(view.bodyStart, view.bodyStart + view.headerLength), headers)
    assert.deepEqual(out.subarray(view.bodyStart + view.headerLength, view.bodyEnd), payload)
  }
})

test('each flipped bit of a record is noticed', () => {
  const out = encoded(
    Buffer.from('orders.new'),
    Buffer.from('NATS/1.0\r\n\r\n'),
    Buffer.from('content'),
    77,
    1,
    2,
  )
  for (let bit = 80; bit < (out.length - 10) * 8; bit++) {
    out[bit >>> 3] ^= 1 << (bit & 7)
    const length = recordLengthAt(out, 10, out.length)
    assert.ok(length === 0 || !isRecordIntact(out, 10, length), `bit ${bit}`)
    out[bit >>> 3] ^= 1 << (bit & 7)
  }
})

test('a batch head goes round, and each flipped bit of it is noticed', () => {
  const head = {
    generation: 7,
    batch: 2 ** 40 + 3,
    firstLsn: 2 ** 45 + 1,
    length: 12345,
    count: 67,
    isSealed: true,
    hasTail: true,
    isRelaxed: true,
    check: 0xabcdef,
  }
  const out = Buffer.alloc(format.BATCH_HEAD_BYTES)
  format.encodeBatchHead(out, head)
  assert.deepEqual(format.decodeBatchHead(out, 0), head)
  format.encodeBatchHead(out, { ...head, check: null })
  assert.equal(format.decodeBatchHead(out, 0)?.check, null)
  format.encodeBatchHead(out, head)
  for (let bit = 0; bit < out.length * 8; bit++) {
    out[bit >>> 3] ^= 1 << (bit & 7)
    assert.equal(format.decodeBatchHead(out, 0), null, `bit ${bit}`)
    out[bit >>> 3] ^= 1 << (bit & 7)
  }
  assert.equal(format.decodeBatchHead(out.subarray(0, -1), 0), null)
})

test('every type of journal record goes round, and each flipped bit of it is noticed', () => {
  for (let type = format.REMOVE; type <= format.LEDGER_DELETE; type++) {
    const payload = Buffer.from(`payload of ${type}`)
    const out = Buffer.alloc(payload.length + format.ENTRY_OVERHEAD_BYTES)
    format.encodeEntryHead(out, 0, payload.length, type, 123456)
    payload.copy(out, format.ENTRY_HEAD_BYTES)
    format.sealEntry(out, 0, payload.length)
    assert.equal(format.entryBytesAt(out, 0, out.length), out.length)
    assert.ok(format.isEntryIntact(out, 0, out.length))
    for (let bit = 0; bit < out.length * 8; bit++) {
      out[bit >>> 3] ^= 1 << (bit & 7)
      const bytes = format.entryBytesAt(out, 0, out.length)
      assert.ok(bytes === 0 || !format.isEntryIntact(out, 0, bytes), `type ${type}, bit ${bit}`)
      out[bit >>> 3] ^= 1 << (bit & 7)
    }
  }
})
