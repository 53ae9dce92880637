import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  InterestIndex,
  isLiteralSubjectBytes,
  isSubscribable,
  isValidSubject,
  type Route,
} from '../../src/subjects/index.ts'
import { Dice } from '../core/fakes.ts'

interface Sub {
  subject: string
  queue: string
}

/** The plainest way to match, to compare with. */
function matches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.')
  const tokens = subject.split('.')
  if (tokens.includes('')) return false
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '>' && i === wanted.length - 1) return tokens.length > i
    if (i >= tokens.length || (wanted[i] !== '*' && wanted[i] !== tokens[i])) return false
  }
  return tokens.length === wanted.length
}

function everybody(route: Route<Sub>): Set<Sub> {
  return new Set([...route.plain, ...route.queues.flatMap((queue) => queue.members)])
}

const TOKENS = ['a', 'b', 'c', 'INBOX', 'orders'] as const

function pattern(dice: Dice): string {
  const tokens: string[] = Array.from({ length: 1 + dice.roll(4) }, () =>
    dice.roll(4) === 0 ? '*' : dice.pick(TOKENS),
  )
  if (dice.roll(4) === 0) tokens[tokens.length - 1] = '>'
  return tokens.join('.')
}

function subject(dice: Dice): string {
  const tokens: string[] = Array.from({ length: 1 + dice.roll(5) }, () =>
    dice.roll(6) === 0 ? `u${dice.roll(1e6)}` : dice.pick(TOKENS),
  )
  if (dice.roll(20) === 0) tokens[dice.roll(tokens.length)] = ''
  return tokens.join('.')
}

test('routes are those of a naive model, whatever is remembered and whatever changes', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const dice = new Dice(seed)
    const index = new InterestIndex<Sub>()
    const subs: Sub[] = []
    for (let step = 0; step < 3000; step++) {
      const what = dice.roll(30)
      if (what === 0 && subs.length < 40) {
        const sub = { subject: pattern(dice), queue: dice.roll(3) === 0 ? dice.pick(['q', 'r']) : '' }
        subs.push(sub)
        index.insert(sub)
      } else if (what === 1 && subs.length > 0) {
        const [gone] = subs.splice(dice.roll(subs.length), 1)
        assert.equal(index.remove(gone), true)
        assert.equal(index.remove(gone), false)
      } else {
        const asked = subject(dice)
        const bytes = Buffer.from(`xx${asked}yy`)
        const route = index.route(bytes, 2, bytes.length - 2)
        const expected = subs.filter((sub) => matches(sub.subject, asked))
        assert.deepEqual(everybody(route), new Set(expected), `seed ${seed} step ${step}: ${asked}`)
        assert.equal(route.isEmpty, expected.length === 0)
        for (const queue of route.queues)
          for (const member of queue.members) assert.equal(member.queue, queue.name)
        assert.deepEqual(new Set(index.match(asked)), new Set(expected))
      }
      assert.equal(index.size, subs.length)
    }
  }
})

test('subjects nobody has seen do not walk the index where a prefix decides', () => {
  const index = new InterestIndex<Sub>()
  const inbox = { subject: '_INBOX.abc.*', queue: '' }
  const acks = { subject: '$JS.ACK.>', queue: '' }
  for (const sub of [inbox, acks, { subject: 'orders.*.new', queue: '' }]) index.insert(sub)
  const ask = (text: string): Route<Sub> => {
    const bytes = Buffer.from(text)
    return index.route(bytes, 0, bytes.length)
  }
  ask('_INBOX.abc.first')
  ask('$JS.ACK.first')
  const misses = index.cacheMisses
  for (let i = 0; i < 10_000; i++) {
    assert.deepEqual(ask(`_INBOX.abc.${i}`).plain, [inbox])
    assert.deepEqual(ask(`$JS.ACK.s.c.${i}.1.2`).plain, [acks])
  }
  assert.equal(index.cacheMisses, misses)
})

test('unique subjects neither grow the memory of routes nor push out a busy one', () => {
  const index = new InterestIndex<Sub>()
  index.insert({ subject: 'busy.subject', queue: '' })
  index.insert({ subject: '*.*', queue: '' })
  const busy = Buffer.from('busy.subject')
  for (let i = 0; i < 20; i++) index.route(busy, 0, busy.length)
  for (let i = 0; i < 100_000; i++) {
    const bytes = Buffer.from(`busy.${i}`)
    assert.equal(index.route(bytes, 0, bytes.length).plain.length, 1)
    if (i % 4 === 0) assert.equal(index.route(busy, 0, busy.length).plain.length, 2)
  }
  assert.ok(index.cacheMisses < 110_000)
})

test('what may be subscribed to, and what a subject is', () => {
  for (const good of ['a', 'a.b', '*', '>', 'a.*.>', 'f*o', 'a.>b', '*a.b']) {
    assert.equal(isSubscribable(good), true, good)
    assert.equal(isValidSubject(good), true, good)
  }
  for (const bad of ['', '.', 'a.', '.a', 'a..b', '>.a']) {
    assert.equal(isSubscribable(bad), false, bad)
    assert.equal(isValidSubject(bad), false, bad)
  }
  assert.equal(isSubscribable('a\fb'), true)
  assert.equal(isValidSubject('a b'), false)
  for (const [text, expected] of [
    ['a.b', true],
    ['a.*', false],
    ['a.>', false],
    ['a..b', false],
    ['', false],
    ['a*', true],
  ] as const) {
    assert.equal(isLiteralSubjectBytes(Buffer.from(`x${text}y`), 1, 1 + text.length), expected, text)
  }
})
