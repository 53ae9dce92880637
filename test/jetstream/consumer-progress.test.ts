import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AckMode, Progress } from '../../src/jetstream/consumer/state/progress.ts'
import {
  decodeProgress,
  encodeProgress,
  ProgressLog,
  replay,
  restoreEntry,
} from '../../src/jetstream/consumer/state/progress-log.ts'
import { recoverProgress } from '../../src/jetstream/consumer/state/recovery.ts'
import type { Ledger } from '../../src/storage/index.ts'

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 0) / 2 ** 32
  }
}

function view(progress: Progress): object {
  const { pending } = progress
  const rows: number[][] = []
  for (let row = pending.first; row !== -1; row = pending.next[row]) {
    rows.push([pending.streamSeq[row], pending.consumerSeq[row], pending.timeMs[row]])
  }
  return {
    delivered: [progress.consumerSeq, progress.deliveredStreamSeq],
    floor: [progress.ackFloorConsumerSeq, progress.ackFloorStreamSeq],
    rows,
    redelivered: [...progress.redelivered].sort(([a], [b]) => a - b),
  }
}

function pick(progress: Progress, next: () => number): number {
  const { pending } = progress
  let row = pending.first
  for (let steps = Math.floor(next() * pending.size); steps > 0; steps--) row = pending.next[row]
  return pending.streamSeq[row]
}

for (const mode of ['none', 'all', 'explicit'] as AckMode[]) {
  test(`replaying what was journaled gives the same progress (ack policy ${mode})`, () => {
    const next = random(11)
    let live = new Progress(mode)
    live.startAt(40)
    const steps = new ProgressLog()
    steps.startAt(40)
    let snapshot: Buffer | null = null
    let entries: Buffer[] = []
    let seq = 40
    let timeMs = 1_700_000_000_000
    for (let turn = 0; turn < 3000; turn++) {
      timeMs += Math.floor(next() * 5)
      for (let i = Math.floor(next() * 6); i > 0; i--) {
        const roll = next()
        if (roll < 0.5 || live.pending.size === 0) {
          seq += next() < 0.8 ? 1 : 1 + Math.floor(next() * 9)
          steps.deliver(seq, timeMs)
          live.deliver(seq, timeMs)
          continue
        }
        const target = pick(live, next)
        const consumerSeq = live.pending.consumerSeq[live.pending.find(target)]
        if (roll < 0.6) {
          steps.redeliver(target, timeMs)
          live.redeliver(target, timeMs)
        } else if (roll < 0.63) {
          steps.restamp(target, timeMs - 30_000)
          live.restamp(target, timeMs - 30_000)
        } else if (roll < 0.65) {
          steps.exhaust(target, 3)
          live.exhaust(live.pending.find(target), 3)
        } else if (mode === 'all') {
          if (live.settleThrough(target, consumerSeq)) steps.settleThrough(target, consumerSeq)
        } else {
          for (let acked = target; acked < target + 4; acked++) {
            const wasRedelivered = live.redelivered.has(acked)
            if (live.settle(acked) || wasRedelivered) steps.settle(acked)
          }
        }
      }
      if (!steps.isEmpty) {
        const entry = steps.finish()
        entries.push(Buffer.from(entry.buffer.subarray(0, entry.length)))
        steps.clear()
      }
      if (turn % 501 === 500) {
        snapshot = encodeProgress(live, steps.number - 1)
        entries = entries.slice(-3)
      }
      if (turn % 97 !== 0) continue
      const recovered = new Progress(mode)
      let number: number = snapshot === null ? 0 : decodeProgress(snapshot, recovered)
      for (const entry of entries) number = replay(entry, recovered, number, 1e6)
      assert.equal(number, steps.number - 1)
      assert.deepEqual(view(recovered), view(live))
      if (turn % 3 === 0) live = recovered
    }
    assert.ok(live.consumerSeq > 3000)
  })
}

test('a run of deliveries and a run of acks are one step each', () => {
  const progress = new Progress('explicit')
  progress.startAt(1)
  const steps = new ProgressLog()
  for (let seq = 1; seq <= 1000; seq++) {
    steps.deliver(seq, 1_700_000_000_000)
    progress.deliver(seq, 1_700_000_000_000)
  }
  for (let seq = 1; seq <= 1000; seq++) steps.settle(seq)
  assert.ok(steps.finish().length < 24)
})

test('a queued message that is acknowledged is not delivered again', () => {
  const progress = new Progress('explicit')
  progress.startAt(1)
  for (let seq = 1; seq <= 4; seq++) progress.deliver(seq, 0)
  for (const seq of [3, 1, 2]) progress.enqueue(progress.pending.find(seq))
  progress.settle(3)
  progress.withdraw(progress.pending.find(1))
  progress.enqueue(progress.pending.find(1))
  const order: number[] = []
  for (let row = progress.nextQueued(); row !== -1; row = progress.nextQueued()) {
    order.push(progress.pending.streamSeq[row])
    progress.redeliver(progress.pending.streamSeq[row], 1)
  }
  assert.deepEqual(order, [2, 1])
  assert.deepEqual(
    [...progress.redelivered],
    [
      [2, 1],
      [1, 1],
    ],
  )
})

test('a damaged entry is told', () => {
  assert.throws(() => replay(Buffer.from([1, 99]), new Progress('explicit'), 0, 9), /unknown step/)
  assert.throws(() => replay(Buffer.from([1, 1, 0x80]), new Progress('explicit'), 0, 9), /ends early/)
  assert.throws(() => decodeProgress(Buffer.from([9]), new Progress('explicit')), /version 9/)
})

test('a damaged state is told, and costs only what comes behind it', () => {
  const steps = new ProgressLog()
  const entries: Buffer[] = []
  for (const seq of [1, 2, 3]) {
    steps.deliver(seq, 5)
    const entry = steps.finish()
    entries.push(Buffer.from(entry.buffer.subarray(0, entry.length)))
    steps.clear()
  }
  entries[1][1] = 200
  const ledger = { name: 'c', recovered: { snapshot: null, entries } } as unknown as Ledger
  const progress = new Progress('explicit')
  const told: string[] = []
  assert.deepEqual(
    recoverProgress(ledger, progress, 3, (text) => told.push(text)),
    { entry: 4, isDamaged: true },
  )
  assert.equal(progress.deliveredStreamSeq, 1)
  assert.match(told.join(), /consumer c is damaged: unknown step 200/)
})

/** Entries of a consumer that had seven messages and acknowledged some; the state after each. */
function history(): { entries: Buffer[]; states: Progress[] } {
  const steps = new ProgressLog()
  const entries: Buffer[] = []
  const states: Progress[] = []
  const turn = (work: (progress: Progress) => void): void => {
    const progress = new Progress('explicit')
    for (const [i, entry] of entries.entries()) replay(entry, progress, i, 100)
    work(progress)
    const entry = steps.finish()
    entries.push(Buffer.from(entry.buffer.subarray(0, entry.length)))
    steps.clear()
    states.push(progress)
  }
  turn((progress) => {
    for (const seq of [1, 2, 3, 5, 6]) {
      steps.deliver(seq, 1_700_000_000_000)
      progress.deliver(seq, 1_700_000_000_000)
    }
  })
  turn((progress) => {
    steps.settle(2)
    progress.settle(2)
    steps.redeliver(1, 1_700_000_000_500)
    progress.redeliver(1, 1_700_000_000_500)
  })
  turn((progress) => {
    steps.restamp(3, 1_700_000_009_000)
    progress.restamp(3, 1_700_000_009_000)
    steps.deliver(7, 1_700_000_001_000)
    progress.deliver(7, 1_700_000_001_000)
  })
  return { entries, states }
}

/** Sequences that count as acknowledged. */
function acknowledged(progress: Progress): number[] {
  const seqs: number[] = []
  for (let seq = 1; seq < progress.nextStreamSeq; seq++) {
    if (progress.pending.find(seq) === -1 && !progress.redelivered.has(seq)) seqs.push(seq)
  }
  return seqs
}

function recover(snapshot: Buffer | null, entries: Buffer[]): { progress: Progress; told: string[] } {
  const progress = new Progress('explicit')
  const told: string[] = []
  recoverProgress(
    { name: 'c', recovered: { snapshot, entries } } as unknown as Ledger,
    progress,
    100,
    (text) => told.push(text),
  )
  return { progress, told }
}

test('a snapshot cut off or garbled at any byte is told, and nothing counts as acknowledged by it', () => {
  const { entries, states } = history()
  const snapshot = encodeProgress(states[1], 2)
  const whole = recover(snapshot, entries)
  assert.deepEqual([view(whole.progress), whole.told], [view(states[2]), []])
  const damaged: Buffer[] = []
  for (let at = 0; at < snapshot.length; at++) {
    damaged.push(snapshot.subarray(0, at))
    for (const change of [1, 0x80, 0xff]) {
      const garbled = Buffer.from(snapshot)
      garbled[at] ^= change
      damaged.push(garbled)
    }
  }
  for (const bytes of damaged) {
    const { progress, told } = recover(bytes, entries)
    assert.equal(told.length, 1, bytes.toString('hex'))
    assert.deepEqual(acknowledged(progress), [])
    assert.equal(progress.nextStreamSeq, 1)
  }
})

test('an entry cut off at any byte, or missing, leaves the state as it was before it', () => {
  const { entries, states } = history()
  for (let lost = 0; lost < entries.length - 1; lost++) {
    const before = lost === 0 ? new Progress('explicit') : states[lost - 1]
    const without = recover(null, entries.toSpliced(lost, 1))
    assert.equal(without.told.length, 1)
    assert.deepEqual(view(without.progress), view(before))
  }
  let found = 0
  for (const [i, entry] of entries.entries()) {
    const before = i === 0 ? new Progress('explicit') : states[i - 1]
    for (let end = 0; end < entry.length; end++) {
      const { progress, told } = recover(null, entries.with(i, entry.subarray(0, end)))
      // Cut behind a whole step it still reads: that, the journal's checksum tells.
      if (told.length === 0) continue
      found++
      assert.deepEqual(view(progress), view(before), `${i} ${end}`)
    }
  }
  assert.ok(found > 20)
})

test('what follows the state written anew after damage is read at the next start', () => {
  const { entries, states } = history()
  const steps = new ProgressLog()
  steps.number = 11
  steps.settle(3)
  const later = steps.finish()
  const { progress, told } = recover(null, [
    entries[0],
    Buffer.from([2, 99]),
    entries[2],
    restoreEntry(states[0], 10),
    Buffer.from(later.buffer.subarray(0, later.length)),
  ])
  assert.equal(told.length, 1)
  const expected = states[0]
  assert.deepEqual(acknowledged(expected), [4])
  assert.deepEqual(acknowledged(progress), [3, 4])
})

test('the ack floor stays below a message that was given up until nothing is pending', () => {
  const progress = new Progress('explicit')
  for (let seq = 1; seq <= 5; seq++) progress.deliver(seq, 0)
  progress.exhaust(progress.pending.find(2), 1)
  const floor = () => [progress.ackFloorConsumerSeq, progress.ackFloorStreamSeq]
  progress.settle(1)
  assert.deepEqual(floor(), [2, 2])
  progress.exhaust(progress.pending.find(3), 1)
  progress.settle(4)
  assert.deepEqual(floor(), [2, 2])
  progress.settle(5)
  assert.deepEqual(floor(), [5, 5])
})

test('a message that goes behind the others in the redelivery queue is in it once', () => {
  const progress = new Progress('explicit')
  for (let seq = 1; seq <= 3; seq++) {
    progress.deliver(seq, 0)
    progress.enqueue(progress.pending.find(seq))
  }
  progress.requeue(progress.nextQueued())
  const order: number[] = []
  for (let row = progress.nextQueued(); row !== -1; row = progress.nextQueued()) {
    order.push(progress.pending.streamSeq[row])
    progress.redeliver(progress.pending.streamSeq[row], 0)
  }
  assert.deepEqual(order, [2, 3, 1])
})
