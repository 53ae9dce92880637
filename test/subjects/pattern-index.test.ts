import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/ports/random.ts'
import { PatternIndex, subjectsCollide } from '../../src/subjects/index.ts'
import { randomPattern } from './patterns.ts'

test('a pattern meets those of others which comparing it with each of them finds', () => {
  const random = new Random(7)
  for (let round = 0; round < 500; round++) {
    const index = new PatternIndex<number>()
    const there = new Map<string, { pattern: string; owner: number }>()
    for (let step = 0; step < 30; step++) {
      const owner = random.below(4)
      const each = randomPattern(random)
      if (random.chance(0.4)) {
        index.remove(each, owner)
        there.delete(`${owner} ${each}`)
      } else {
        index.add(each, owner)
        there.set(`${owner} ${each}`, { pattern: each, owner })
      }
      const asked = randomPattern(random)
      const self = random.chance(0.3) ? null : random.below(4)
      const expected = [...there.values()].some(
        (other) => other.owner !== self && subjectsCollide(asked, other.pattern),
      )
      assert.equal(index.meetsOther(asked, self), expected, `${asked} in ${[...there.keys()].join(', ')}`)
    }
  }
})

test('what was added and removed leaves nothing behind', () => {
  const index = new PatternIndex<string>()
  index.add('a.b.*', 'x')
  index.add('a.b.*', 'y')
  index.remove('a.b.*', 'x')
  assert.ok(index.meetsOther('a.>', 'x'))
  assert.ok(!index.meetsOther('a.>', 'y'))
  index.remove('a.b.*', 'y')
  assert.ok(!index.meetsOther('>', null))
})

test('a hundred thousand owners are not looked at one by one', () => {
  const index = new PatternIndex<number>()
  const startedMs = performance.now()
  for (let i = 0; i < 100_000; i++) {
    assert.ok(!index.meetsOther(`orders.${i}.>`, null))
    index.add(`orders.${i}.>`, i)
  }
  // Pair by pair this takes minutes.
  assert.ok(performance.now() - startedMs < 20_000)
  assert.ok(index.meetsOther('orders.*.new', null))
  assert.ok(!index.meetsOther('orders.77.new', 77))
})
