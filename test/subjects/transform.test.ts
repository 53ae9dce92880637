import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/ports/random.ts'
import {
  checkMapping,
  isSubset,
  NOT_MAPPED,
  SubjectBuffer,
  SubjectTransform,
  TOO_LONG,
  withPlaces,
  withWildcards,
} from '../../src/subjects/index.ts'
import { randomMapping } from './mappings.ts'

const to = new SubjectBuffer()

function mapped(source: string, destination: string, subject: string): string | null {
  return compiled(source, destination).applyText(subject, to)
}

function compiled(source: string, destination: string, isStrict = false): SubjectTransform {
  const transform = SubjectTransform.compile(source, destination, { isStrict })
  assert.ok(transform !== null)
  return transform
}

const MAPPED: [source: string, destination: string, subject: string, result: string | null][] = [
  ['foo', 'bar', 'foo', 'bar'],
  ['foo', 'bar', 'foo.x', null],
  ['foo.*.*', 'req.$2.$1', 'foo.A.B', 'req.B.A'],
  ['foo.*.*', 'req.{{wildcard(2)}}.{{ Wildcard( 1 ) }}', 'foo.A.B', 'req.B.A'],
  ['foo.>', 'bar.>', 'foo.a.b', 'bar.a.b'],
  ['foo.*.>', 'bar.>', 'foo.a.b.c', 'bar.b.c'],
  ['', 'pre.>', 'a.b', 'pre.a.b'],
  ['>', '>', 'a.b', 'a.b'],
  ['*', 'foo.bar.$1', 'x', 'foo.bar.x'],
  ['foo.*', 'x.$1.$abc.{{}}', 'foo.a', 'x.a.$abc.{{}}'],
  ['*.bar', '{{partition(10,1)}}', 'foo.bar', '3'],
  ['*.*', '{{partition(10,1,2)}}.$1', 'foo.bar', '0.foo'],
  ['foo.bar', 'out.{{partition(10)}}', 'foo.bar', 'out.6'],
  ['*', '{{splitFromLeft(1,3)}}', '12345', '123.45'],
  ['*', '{{SplitFromRight(1,3)}}', '12345', '12.345'],
  ['*', '{{splitFromRight(1,9)}}', '12345', '12345'],
  ['*', '{{SliceFromLeft(1,3)}}', '1234567890', '123.456.789.0'],
  ['*', '{{SliceFromRight(1,3)}}', '1234567890', '1.234.567.890'],
  ['*', '{{sliceFromRight(1,3)}}', '123', '123'],
  ['*', '{{split(1,-)}}', '-abc-def--ghi-', 'abc.def.ghi'],
  ['*', '{{split(1,-)}}', '--a', '.a'],
  ['*', '{{split(1,)}}', 'aéb', 'a.é.b'],
  ['*', '{{left(1,3)}}', '1234', '123'],
  ['*', '{{left(1,9)}}', '1234', '1234'],
  ['*', '{{right(1,1)}}', '1234', '4'],
  ['*.*', '{{split(1,-)}}.{{splitfromleft(2,1)}}', 'a-b.cd', 'a.b.c.d'],
  ['foo', 'x.{{random(1)}}', 'foo', 'x.0'],
  ['é.*', 'ü.$1', 'é.ö', 'ü.ö'],
]

test('what matches the source becomes the destination', () => {
  for (const [source, destination, subject, result] of MAPPED) {
    assert.equal(mapped(source, destination, subject), result, `${source} → ${destination}: ${subject}`)
  }
})

test('what is no subject to publish to is not mapped', () => {
  for (const subject of ['', 'a..b', 'a.*', '>', '.a', 'a.']) {
    assert.equal(mapped('>', 'x.>', subject), null, subject)
  }
})

const REFUSED: [source: string, destination: string, message: string][] = [
  ['foo..bar', 'x', 'invalid subject'],
  ['foo.>', 'x', 'invalid subject'],
  ['foo', 'x.>', 'invalid subject'],
  ['foo.*', 'x.*', 'invalid subject'],
  ['foo.*', 'x.$2', 'invalid mapping destination: wildcard index out of range in $2: [2]'],
  ['foo', 'x.$1', 'invalid mapping destination: wildcard index out of range in $1'],
  [
    'foo.*',
    'x.{{wildcard()}}',
    'invalid mapping destination: not enough arguments passed to the function in {{wildcard()}}',
  ],
  [
    'foo.*',
    'x.{{wildcard(1,1)}}',
    'invalid mapping destination: too many arguments passed to the function in {{wildcard(1,1)}}',
  ],
  [
    'foo.*',
    'x.{{partition(a)}}',
    'invalid mapping destination: function argument is invalid or in the wrong format in {{partition(a)}}',
  ],
  ['foo.*', 'x.{{nothing(1)}}', 'invalid mapping destination: unknown function in {{nothing(1)}}'],
]

test('a mapping that can not be is refused in the words of nats-server', () => {
  for (const [source, destination, message] of REFUSED) {
    assert.throws(() => SubjectTransform.compile(source, destination), { name: 'TransformError', message })
  }
  assert.equal(SubjectTransform.compile('foo', ''), null)
})

test('a strict mapping uses all wildcards and nothing else, and goes both ways', () => {
  assert.throws(() => compiled('a.*.*', 'b.$1', true), {
    message: 'invalid mapping destination: not using all of the token wildcard(s) in b.$1',
  })
  assert.throws(() => compiled('a.*', 'b.{{left(1,1)}}', true), {
    message:
      'invalid mapping destination: the only mapping function allowed for import transforms is {{Wildcard()}} in {{left(1,1)}}',
  })
  const there = compiled('a.*.*', 'b.$2.x.{{wildcard(1)}}', true)
  const back = there.reverse()
  assert.equal(there.applyText('a.1.2', to), 'b.2.x.1')
  assert.equal(back?.applyText('b.2.x.1', to), 'a.1.2')
})

test('a configuration takes no white space in a mapping', () => {
  assert.throws(() => checkMapping('a.*', 'b.{{nothing(1,1)}}'), /unknown function in {{nothing\(1,1\)}}$/)
  assert.throws(() => checkMapping('a', 'b.>.c'), {
    message: 'invalid mapping destination: invalid transform in c',
  })
  assert.throws(() => checkMapping('a', 'b. c'), {
    message: 'invalid mapping destination: invalid transform',
  })
  checkMapping('a.*', 'b.{{splitFromLeft(1, 1)}}')
  checkMapping('a.*', '')
})

test('places and wildcards stand for each other', () => {
  assert.equal(withPlaces('foo.*.x.*.>'), 'foo.$1.x.$2.>')
  assert.deepEqual(withWildcards('foo.$2.{{wildcard(1)}}.$x'), {
    pattern: 'foo.*.*.$x',
    places: ['$2', '{{wildcard(1)}}'],
  })
})

test('a subject is mapped where it lies, and what is around it does not matter', () => {
  const random = new Random(11)
  for (let round = 0; round < 2000; round++) {
    const { source, destination, subjects } = randomMapping(random)
    let transform: SubjectTransform | null = null
    try {
      transform = SubjectTransform.compile(source, destination)
    } catch {}
    for (const subject of subjects) {
      if (transform === null || destination.includes('random')) continue
      const alone = transform.applyText(subject, to)
      const chunk = Buffer.from(`PUB ${subject} 0`)
      const length = transform.apply(chunk, 4, chunk.length - 2, to)
      assert.equal(length === NOT_MAPPED ? null : to.toString(), alone)
      // It is mapped exactly when its source takes it.
      assert.equal(alone !== null, isSubset(subject, source))
    }
  }
})

test('partitions are even, and the same each time', () => {
  const counts = new Array(8).fill(0)
  for (let i = 0; i < 8000; i++) {
    const first = mapped('orders.*', '{{partition(8,1)}}', `orders.${i}`)
    assert.equal(mapped('orders.*', '{{partition(8,1)}}', `orders.${i}`), first)
    counts[Number(first)]++
  }
  for (const count of counts) assert.ok(count > 850 && count < 1150, `${counts}`)
})

test('random takes the numbers below its ceiling', () => {
  const seen = new Set<string | null>()
  const random = new Random(3)
  const transform = SubjectTransform.compile('a', '{{random(4)}}', { random: () => random.next() })
  for (let i = 0; i < 200; i++) seen.add(transform?.applyText('a', to) ?? null)
  assert.deepEqual([...seen].sort(), ['0', '1', '2', '3'])
})

test('a subject longer than a message can have is told, and costs no more memory', () => {
  const places = Array.from({ length: 2000 }, () => '$1').join('.')
  const transform = compiled('*', places)
  const subject = Buffer.from('x'.repeat(4000))
  assert.equal(transform.apply(subject, 0, subject.length, to), TOO_LONG)
  assert.ok(to.bytes.length < 256 * 1024)
  assert.equal(mapped('*', '$1.$1', 'x'.repeat(30_000))?.length, 60_001)
})
