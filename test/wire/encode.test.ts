import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  copyBytes,
  digitCount,
  encodedBytes,
  encodeMessage,
  type FrameSink,
  Message,
  readNumber,
  readSize,
  viewOf,
  writeNumber,
} from '../../src/wire/index.ts'

test('numbers are written and read as digits', () => {
  const buffer = Buffer.alloc(32)
  for (const value of [
    0,
    9,
    10,
    99,
    100,
    12345,
    999_999,
    1e6,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 + 7,
    2 ** 53 - 1,
  ]) {
    const end = writeNumber(buffer, 3, value)
    assert.equal(buffer.toString('latin1', 3, end), String(value))
    assert.equal(end - 3, digitCount(value))
    assert.equal(readNumber(buffer, 3, end), value)
  }
  for (const text of ['', '-1', '1a', ' 1', '12345678901234567']) {
    assert.equal(readNumber(Buffer.from(text), 0, text.length), -1, text)
  }
  assert.equal(readSize(Buffer.from('999999999'), 0, 9), 999_999_999)
  assert.equal(readSize(Buffer.from('0000000001'), 0, 10), -1)
})

test('bytes of every length are copied', () => {
  const from = Buffer.from(Array.from({ length: 400 }, (_, i) => i & 255))
  for (let length = 0; length < 300; length++) {
    for (const withView of [false, true]) {
      const to = Buffer.alloc(400, 1)
      assert.equal(copyBytes(from, 7, 7 + length, to, 5, withView ? viewOf(to) : null), 5 + length)
      assert.deepEqual(to.subarray(5, 5 + length), from.subarray(7, 7 + length))
      assert.equal(to[4], 1)
      assert.equal(to[5 + length], 1)
    }
  }
})

function encode(message: Message, withHeaders: boolean): string {
  const sid = Buffer.from('17')
  const buffer = Buffer.alloc(encodedBytes(message, sid))
  const sink: FrameSink = { buffer, view: viewOf(buffer), length: 0 }
  encodeMessage(message, sid, withHeaders, sink)
  return buffer.toString('latin1', 0, sink.length)
}

function message(subject: string, reply: string, headers: string, payload: string): Message {
  const made = new Message(Buffer.from(subject))
  made.subjectEnd = subject.length
  made.reply = Buffer.from(reply)
  made.replyEnd = reply.length
  made.body = Buffer.from(headers + payload)
  made.headerLength = headers.length
  made.bodyEnd = made.body.length
  return made
}

test('messages become MSG and HMSG lines', () => {
  const headers = 'NATS/1.0\r\n\r\n'
  assert.equal(encode(message('a.b', '', '', 'hi'), true), 'MSG a.b 17 2\r\nhi\r\n')
  assert.equal(encode(message('a.b', 'r', '', ''), true), 'MSG a.b 17 r 0\r\n\r\n')
  assert.equal(encode(message('a', 'r', headers, 'hi'), true), `HMSG a 17 r 12 14\r\n${headers}hi\r\n`)
  assert.equal(encode(message('a', 'r', headers, 'hi'), false), 'MSG a 17 r 2\r\nhi\r\n')
})
