import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turn, type TurnTask } from '../../src/core/index.ts'

function task(run: () => void): TurnTask {
  return { deferred: false, run }
}

test('work runs before flushes, each task once however often it was deferred', () => {
  const turn = new Turn()
  const order: string[] = []
  const later = task(() => order.push('later'))
  const flush = task(() => order.push('flush'))
  const work = task(() => {
    order.push('work')
    turn.deferWork(later)
    turn.deferFlush(flush)
  })
  turn.deferFlush(flush)
  turn.deferWork(work)
  turn.deferWork(work)
  turn.drain()
  turn.drain()
  assert.deepEqual(order, ['work', 'later', 'flush'])
})

test('work that never ends does not keep flushes from running, and goes on in the next turn', async () => {
  const turn = new Turn()
  let runs = 0
  let flushed = 0
  const flush = task(() => flushed++)
  const endless = task(() => {
    runs++
    if (runs < 1000) turn.deferWork(endless)
  })
  turn.deferWork(endless)
  turn.deferFlush(flush)
  turn.drain()
  assert.equal(flushed, 1)
  assert.ok(runs < 1000)
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(runs, 1000)
})

test('a task that throws keeps none of the others from running', () => {
  const turn = new Turn()
  let ran = 0
  turn.deferWork(task(() => ran++))
  turn.deferWork(
    task(() => {
      throw new Error('broken')
    }),
  )
  turn.deferWork(task(() => ran++))
  turn.deferFlush(task(() => ran++))
  assert.throws(() => turn.drain(), /broken/)
  turn.drain()
  assert.equal(ran, 3)
})
