import assert from 'node:assert/strict'
import { test } from 'node:test'
import { givePayloadBuffer, takePayloadBuffer } from '../../src/wire/payload-buffers.ts'

test('a payload buffer has the room asked for, and not much more', () => {
  for (const bytes of [1, 2048, 2049, 4096, 65_536, 65_538, 1_048_578, 8_388_608, 8_388_609]) {
    const { length } = takePayloadBuffer(bytes)
    assert.ok(length >= bytes && length <= bytes * 1.25, `${length} for ${bytes}`)
  }
})

test('one that was given back is lent again, to sizes near it only', () => {
  const large = takePayloadBuffer(65_538)
  givePayloadBuffer(large)
  assert.notEqual(takePayloadBuffer(65_536), large)
  assert.equal(takePayloadBuffer(65_600), large)
  assert.notEqual(takePayloadBuffer(65_600), large)
})

test('what is kept unused is bounded', () => {
  const lent = Array.from({ length: 40 }, () => takePayloadBuffer(1024 * 1024))
  for (const buffer of lent) givePayloadBuffer(buffer)
  const given = new Set(lent)
  let kept = 0
  while (given.has(takePayloadBuffer(1024 * 1024))) kept++
  assert.ok(kept > 0 && kept <= 16, `${kept}`)
})
