import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Consumer } from '../../src/jetstream/consumer/consumer.ts'
import { ackInfo, ConsumerBench, type Got } from './consumer-bench.ts'
import type { NaiveLedger } from './consumer-fakes.ts'

const MS = 1e6
const ACK_WAIT_MS = 1000

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 0) / 2 ** 32
  }
}

/** Runs a consumer against a model that only knows sets of sequences. */
async function run(seed: number, settings: Record<string, unknown>, retention: string): Promise<void> {
  const next = random(seed)
  const pick = <T>(items: T[]): T => items[Math.floor(next() * items.length)]
  const bench = new ConsumerBench({ retention })
  bench.log.inMemory = false
  if (retention === 'workqueue') bench.onSettled = (seq) => bench.drop(seq)
  let consumer = bench.create({
    durable_name: 'c',
    ack_policy: 'explicit',
    ack_wait: ACK_WAIT_MS * MS,
    max_ack_pending: 20,
    ...settings,
  })
  const ledger = (): NaiveLedger => bench.log.ledgers.get('c') as NaiveLedger
  const inbox = bench.listen('inbox')
  /** Sequences with a confirmed ack or term, everything ever delivered, and what is pending by the book. */
  const done = new Set<number>()
  const delivered = new Set<number>()
  let pending = new Map<number, Got>()
  /** Acks without confirmation: a crash may forget them. */
  let hoped = new Set<number>()
  let seen = 0

  const takeDeliveries = (): void => {
    for (; seen < inbox.length; seen++) {
      const got = inbox[seen]
      if (got.reply === '') continue
      const { seq, deliveries } = ackInfo(got.reply)
      assert.ok(!done.has(seq), `message ${seq} is delivered after its ack was confirmed`)
      assert.ok(bench.log.stored.has(seq), `message ${seq} is delivered although it is gone`)
      assert.equal(deliveries > 1, pending.has(seq), `deliveries of ${seq}`)
      pending.set(seq, got)
      delivered.add(seq)
    }
  }
  const check = (): void => {
    takeDeliveries()
    const info = consumer.info()
    const { nextStreamSeq } = consumer.progress
    assert.equal(info.num_pending, bench.log.count(consumer.filter, nextStreamSeq), 'num_pending')
    assert.equal(info.num_ack_pending, pending.size, 'num_ack_pending')
    const lowest = Math.min(...pending.keys())
    assert.ok(info.ack_floor.stream_seq < lowest, 'the ack floor is below what is pending')
    if (pending.size === 0) assert.equal(info.ack_floor.stream_seq, info.delivered.stream_seq)
    for (const seq of consumer.progress.redelivered.keys()) assert.ok(pending.has(seq), 'redelivered')
  }
  const settle = (body: string): void => {
    const seq = pick([...pending.keys()])
    const isConfirmed = next() < 0.5
    bench.ack(consumer, (pending.get(seq) as Got).reply, body, isConfirmed ? 'confirm' : '')
    if (isConfirmed) {
      ledger().commit()
      done.add(seq)
      for (const earlier of hoped) done.add(earlier)
      hoped.clear()
    } else hoped.add(seq)
    pending.delete(seq)
  }
  const crash = (): void => {
    if (next() < 0.5) ledger().commit()
    if (next() < 0.3) {
      ledger().checkpoint()
      for (const earlier of hoped) done.add(earlier)
    }
    consumer.stop('')
    const after = ledger().crash()
    bench.log.ledgers.set('c', after)
    consumer = Consumer.recover(bench.stream, after as never)
    bench.stream.consumers.set('c', consumer)
    hoped = new Set()
    seen = inbox.length
    const left = new Map<number, Got>()
    const rows = consumer.progress.pending
    for (let row = rows.first; row !== -1; row = rows.next[row]) {
      const seq = rows.streamSeq[row]
      assert.ok(!done.has(seq), `${seq} is pending again after its ack was confirmed`)
      const redelivered = consumer.progress.redelivered.get(seq) ?? 0
      left.set(seq, {
        subject: '',
        body: '',
        headers: '',
        reply: ackReply(seq, redelivered, rows.consumerSeq[row]),
      })
    }
    pending = left
    bench.turn.drain()
  }

  for (let step = 0; step < 1500; step++) {
    const roll = next()
    if (roll < 0.3) bench.publish(pick(['a.1', 'a.2', 'b.1', 'c']))
    else if (roll < 0.5)
      bench.pull(consumer, 'inbox', { batch: 1 + Math.floor(next() * 8), expires: 500 * MS })
    else if (roll < 0.68 && pending.size > 0) settle('+ACK')
    else if (roll < 0.71 && pending.size > 0) settle('+TERM')
    else if (roll < 0.76 && pending.size > 0) {
      const body = next() < 0.5 ? '-NAK' : '-NAK {"delay":200000000}'
      bench.ack(consumer, pick([...pending.values()]).reply, body)
    } else if (roll < 0.84) await bench.advance(Math.floor(next() * ACK_WAIT_MS * 0.7))
    else if (roll < 0.9 && bench.log.stored.size > 0) {
      const seq = pick([...bench.log.stored.keys()].slice(0, 30))
      pending.delete(seq)
      bench.remove(seq)
    } else if (roll < 0.905) {
      const upTo = pick([...bench.log.stored.keys(), bench.log.lastSeq])
      for (const seq of [...bench.log.stored.keys()]) {
        if (seq > upTo) break
        bench.log.stored.delete(seq)
        pending.delete(seq)
      }
      consumer.purged()
      bench.turn.drain()
    } else if (roll < 0.92) crash()
    check()
  }

  // Nothing is lost: whoever goes on asking gets everything that is there.
  for (let round = 0; round < 400; round++) {
    bench.pull(consumer, 'inbox', { batch: 50, no_wait: true })
    takeDeliveries()
    for (const got of [...pending.values()]) bench.ack(consumer, got.reply, '+ACK')
    pending.clear()
    await bench.advance(ACK_WAIT_MS + 10)
    takeDeliveries()
    check()
  }
  const info = consumer.info()
  assert.equal(info.num_pending, 0)
  assert.equal(info.num_ack_pending, 0)
  for (const [seq, { subject }] of bench.log.stored) {
    if (consumer.filter.matchesLatin1(subject))
      assert.ok(delivered.has(seq), `message ${seq} was never delivered`)
  }
}

function ackReply(seq: number, redelivered: number, consumerSeq: number): string {
  return `$JS.ACK.S.c.${redelivered + 1}.${seq}.${consumerSeq}.0.0`
}

const CASES: [string, Record<string, unknown>, string][] = [
  ['everything', {}, 'limits'],
  ['one filter', { filter_subject: 'a.*' }, 'limits'],
  ['several filters', { filter_subjects: ['a.1', 'b.>'] }, 'limits'],
  ['a work queue', {}, 'workqueue'],
  ['a filtered work queue', { filter_subject: 'a.*' }, 'workqueue'],
  ['backoff', { backoff: [300 * MS, 600 * MS] }, 'limits'],
]

for (const [name, settings, retention] of CASES) {
  test(`random traffic with crashes, deletes and purges agrees with the model: ${name}`, async () => {
    for (let seed = 1; seed <= 6; seed++) await run(seed, settings, retention)
  })
}
