import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AckSubject } from '../../src/jetstream/consumer/acks/ack-subject.ts'
import { PendingAcks } from '../../src/jetstream/consumer/state/pending-acks.ts'
import { RedeliveryQueue } from '../../src/jetstream/consumer/state/redelivery-queue.ts'
import { SkipList } from '../../src/jetstream/consumer/state/skip-list.ts'
import { readNumber, writeNumber } from '../../src/wire/ascii.ts'

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 0) / 2 ** 32
  }
}

test('pending acks behave like an ordered map under random adds and removes', () => {
  const next = random(7)
  const pending = new PendingAcks()
  const model = new Map<number, number>()
  let seq = 2 ** 33
  for (let step = 0; step < 50_000; step++) {
    if (next() < 0.52) {
      seq += 1 + Math.floor(next() * 40)
      pending.add(seq, step, step)
      model.set(seq, step)
    } else if (model.size > 0) {
      const keys = [...model.keys()].slice(0, 20)
      const gone = keys[Math.floor(next() * keys.length)]
      pending.remove(pending.find(gone))
      model.delete(gone)
    }
    if (step % 997 === 0) {
      const found: number[] = []
      for (let row = pending.first; row !== -1; row = pending.next[row]) found.push(pending.streamSeq[row])
      assert.deepEqual(found, [...model.keys()])
      for (const [key, value] of model) assert.equal(pending.consumerSeq[pending.find(key)], value)
      assert.equal(pending.find(seq + 1), -1)
    }
  }
  assert.equal(pending.size, model.size)
})

test('a sequence added below others takes its place in order', () => {
  const pending = new PendingAcks()
  for (const seq of [5, 9, 7, 1]) pending.add(seq, seq, 0)
  const found: number[] = []
  for (let row = pending.first; row !== -1; row = pending.next[row]) found.push(pending.streamSeq[row])
  assert.deepEqual(found, [1, 5, 7, 9])
})

test('the redelivery queue keeps its order while it grows', () => {
  const queue = new RedeliveryQueue()
  const got: number[] = []
  for (let i = 0; i < 100; i++) {
    queue.push(i)
    if (i % 3 === 0) {
      got.push(queue.peek())
      queue.shift()
    }
  }
  while (!queue.isEmpty) {
    got.push(queue.peek())
    queue.shift()
  }
  assert.deepEqual(
    got,
    Array.from({ length: 100 }, (_, i) => i),
  )
})

test('numbers are written as decimal digits', () => {
  const buffer = Buffer.alloc(32)
  for (const value of [0, 7, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 10 ** 15, Number.MAX_SAFE_INTEGER]) {
    const end = writeNumber(buffer, 3, value)
    assert.equal(buffer.toString('latin1', 3, end), String(value))
    assert.equal(readNumber(buffer, 3, end), value)
  }
  assert.equal(readNumber(Buffer.from('12a'), 0, 3), -1)
})

test('the ack subject has its nine tokens', () => {
  const subject = new AckSubject('ORDERS', 'work')
  const end = subject.write(1, 12, 3, 1_700_000_000, 42, 9)
  assert.equal(subject.buffer.toString('latin1', 0, end), '$JS.ACK.ORDERS.work.1.12.3.1700000000000000042.9')
})

test('what is delivered first is in order, however densely it lies', () => {
  const next = random(11)
  for (const gap of [1, 3, 31, 40, 500, 2 ** 30]) {
    let seq = 2 ** 40
    const seqs = Array.from({ length: 2000 }, () => (seq += 1 + Math.floor(next() * gap)))
    const shuffled = seqs.map((each) => ({ each, at: next() })).sort((a, b) => a.at - b.at)
    const list = new SkipList(
      Float64Array.from(shuffled, ({ each }) => each),
      seq,
    )
    assert.equal(list.length, seqs.length)
    const found: number[] = []
    while (list.length > 0) {
      found.push(list.peek())
      list.shift()
    }
    assert.deepEqual(found, seqs)
  }
})
