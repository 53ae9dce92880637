import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TimeBytes } from '../../src/jetstream/config/time-bytes.ts'
import { formatTime } from '../../src/jetstream/config/time-text.ts'

test('a time in bytes is the time in text', () => {
  const time = new TimeBytes()
  const buffer = Buffer.alloc(64, 'x')
  const times = [
    [0, 0],
    [0, 1],
    [1_700_000_000, 999_999_999],
    [1_700_000_000, 120_000_000],
    [1_700_000_001, 100],
    [4_102_444_800, 7_000_000],
  ]
  for (const [sec, nsec] of [...times, ...times.toReversed()]) {
    const end = time.write(buffer, 3, sec, nsec)
    assert.equal(buffer.toString('latin1', 3, end), formatTime(sec, nsec))
  }
})
