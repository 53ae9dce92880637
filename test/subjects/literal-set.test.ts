import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/ports/random.ts'
import { subjectFilter } from '../../src/subjects/index.ts'
import { LiteralSet } from '../../src/subjects/literal-set.ts'

test('a set of literals has what it was made of, and nothing else', () => {
  const random = new Random(7)
  const text = (): string => `a.${random.below(500)}.${'é'.repeat(random.below(3))}x`
  const latin1 = (each: string): string => Buffer.from(each).toString('latin1')
  for (let round = 0; round < 50; round++) {
    const texts = new Set(Array.from({ length: random.below(200) }, text))
    const set = new LiteralSet([...texts].map(latin1))
    for (let i = 0; i < 300; i++) {
      const asked = Buffer.from(`--${text()}--`)
      const wanted = texts.has(asked.toString('utf8', 2, asked.length - 2))
      assert.equal(set.has(asked, 2, asked.length - 2), wanted)
    }
  }
})

test('a filter of many patterns matches what each of them matches', () => {
  const random = new Random(8)
  const token = (): string => ['a', 'b', 'c', '*'][random.below(4)]
  for (let round = 0; round < 100; round++) {
    const patterns = Array.from({ length: 17 + random.below(20) }, () =>
      Array.from({ length: 1 + random.below(4) }, token).join('.'),
    )
    const filter = subjectFilter(patterns)
    const single = patterns.map((pattern) => subjectFilter([pattern]))
    for (let i = 0; i < 50; i++) {
      const subject = Array.from({ length: 1 + random.below(4) }, () => 'abcd'[random.below(4)]).join('.')
      const bytes = Buffer.from(subject)
      const wanted = single.some((each) => each.matches(bytes, 0, bytes.length))
      assert.equal(filter.matches(bytes, 0, bytes.length), wanted, subject)
      assert.equal(filter.matchesLatin1(subject), wanted, subject)
    }
  }
})
