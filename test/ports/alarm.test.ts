import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Alarm } from '../../src/ports/alarm.ts'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'

function alarm(leastMs?: number): { clock: SimulatedClock; alarm: Alarm; rung: number[] } {
  const clock = new SimulatedClock()
  const begunMs = clock.now()
  const rung: number[] = []
  return { clock, rung, alarm: new Alarm(clock, () => rung.push(clock.now() - begunMs), leastMs) }
}

test('an alarm rings once, at the earliest of the times asked for', () => {
  const { clock, alarm: it, rung } = alarm()
  const nowMs = clock.now()
  it.set(nowMs + 300)
  it.set(nowMs + 100)
  it.set(nowMs + 200)
  it.set(Number.POSITIVE_INFINITY)
  assert.equal(it.isSet, true)
  clock.advance(100)
  assert.deepEqual([rung, it.isSet], [[100], false])
  clock.advance(1000)
  assert.deepEqual(rung, [100])
})

test('an alarm can be moved to a later time, or to none, and rings no sooner than it may', () => {
  const { clock, alarm: it, rung } = alarm(50)
  const nowMs = clock.now()
  it.set(nowMs + 100)
  it.move(nowMs + 400)
  clock.advance(399)
  assert.deepEqual(rung, [])
  it.move(nowMs + 10)
  clock.advance(49)
  assert.deepEqual(rung, [])
  clock.advance(1)
  assert.deepEqual(rung, [449])
  it.set(clock.now() + 100)
  it.move(Number.POSITIVE_INFINITY)
  clock.advance(1000)
  assert.deepEqual([rung, it.isSet], [[449], false])
})
