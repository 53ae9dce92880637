import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/ports/random.ts'
import { isSubset, PatternSet, subjectFilter } from '../../src/subjects/index.ts'
import { randomPattern } from './patterns.ts'

test('patterns covered by others are the ones that comparing all pairs finds', () => {
  const random = new Random(5)
  for (let round = 0; round < 3000; round++) {
    const patterns = Array.from({ length: 1 + random.below(6) }, () => randomPattern(random))
    const set = new PatternSet(patterns)
    for (const [i, inner] of patterns.entries()) {
      const expected = patterns.some((outer, j) => i !== j && isSubset(inner, outer))
      assert.equal(set.isCovered(inner), expected, `${inner} in ${patterns.join(' ')}`)
    }
  }
})

test('a hundred thousand patterns are compared, and matched, without a look at each pair', () => {
  const patterns = Array.from({ length: 100_000 }, (_, i) => `a.${i}${i % 1000 === 0 ? '.*' : ''}`)
  const set = new PatternSet(patterns)
  assert.equal(
    patterns.some((each) => set.isCovered(each)),
    false,
  )
  const filter = subjectFilter(patterns)
  for (let i = 0; i < 20_000; i++) {
    const subject = Buffer.from(`a.${i}`)
    assert.equal(filter.matches(subject, 0, subject.length), i % 1000 !== 0)
  }
  assert.ok(filter.matchesLatin1('a.2000.x'))
  assert.ok(!filter.matchesLatin1('a.2001.x'))
})
