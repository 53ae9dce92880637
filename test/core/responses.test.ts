import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Responses } from '../../src/core/imports/responses.ts'
import { fakeBus } from './fakes.ts'

const MINUTE_MS = 60_000
const service = { responseType: 'singleton', responseThresholdMs: MINUTE_MS } as const

function setUp() {
  const { bus, clock } = fakeBus()
  const all = new Map<string, Responses>()
  const of = (name: string): Responses => {
    let found = all.get(name)
    if (found === undefined) {
      found = new Responses(bus.account(name), clock, (other) => of(other.name))
      all.set(name, found)
      bus.account(name).subscribe(found.pattern, { onMessage: () => {} })
    }
    return found
  }
  return { bus, clock, responses: of('EXPORTER') }
}

test('who expects too many answers loses its own, and nobody else any', () => {
  const { bus, responses } = setUp()
  const quiet = bus.account('QUIET')
  const loud = bus.account('LOUD')
  responses.expect(quiet, 'answer', service)
  for (let i = 0; i < 300_000; i++) responses.expect(loud, 'x', service)
  assert.ok(responses.size <= 131_072 + 1, `${responses.size}`)
  assert.equal(responses.awaitedBy(quiet), 1)
})

test('answers that never come are forgotten by themselves', () => {
  const { bus, clock, responses } = setUp()
  const importer = bus.account('IMPORTER')
  responses.expect(importer, 'a', service)
  responses.expect(importer, 'b', { responseType: 'stream', responseThresholdMs: 10 * MINUTE_MS })
  clock.advance(2 * MINUTE_MS)
  assert.equal(responses.size, 1)
  clock.advance(10 * MINUTE_MS)
  assert.equal(responses.size, 0)
})
