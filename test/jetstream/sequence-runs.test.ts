import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SequenceRuns } from '../../src/jetstream/stream/sequence-runs.ts'

function drained(runs: SequenceRuns): number[] {
  const seqs: number[] = []
  for (; !runs.isEmpty; runs.drop()) seqs.push(runs.some)
  return seqs
}

test('each sequence that was added is there once, whatever their order', () => {
  for (const order of [
    [1, 2, 3, 7, 8, 5],
    [9, 8, 7, 3, 4, 2],
    [5, 1, 4, 2, 3],
  ]) {
    const runs = new SequenceRuns()
    for (const seq of order) runs.add(seq)
    assert.deepEqual(
      drained(runs).sort((a, b) => a - b),
      order.sort((a, b) => a - b),
    )
    assert.equal(runs.some, 0)
  }
})

test('where there is no room those go that are gone, and no others', () => {
  const runs = new SequenceRuns()
  for (let i = 0; i < 65_536; i++) runs.add(2 * i + 1)
  runs.add(200_001, 500)
  assert.equal(runs.some, 131_071, 'too little has gone to be looked for')
  runs.add(200_001, 131_001)
  const kept = drained(runs).sort((a, b) => a - b)
  assert.deepEqual([kept[0], kept.at(-1), kept.length], [131_001, 200_001, 37])
})

test('a million in order take one run, and too many out of order are left out', () => {
  const runs = new SequenceRuns()
  for (let seq = 1; seq <= 200_000; seq += 2) runs.add(seq)
  const kept = drained(runs)
  assert.equal(kept.length, 65_536)
  for (let seq = 1_000_000; seq > 0; seq--) runs.add(seq)
  assert.equal(drained(runs).length, 1_000_000)
})
