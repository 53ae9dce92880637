import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dispatcher, type Work } from '../../src/app/dispatcher.ts'

test('when it begins no more, what runs goes on, and all else comes out or goes back', async () => {
  const dispatcher = new Dispatcher(1)
  const begun: number[] = []
  const back: number[] = []
  const work = (n: number): Work => ({
    key: null,
    run: () => {
      begun.push(n)
      return false
    },
    giveBack: () => back.push(n),
  })
  const first = work(1)
  dispatcher.push(first)
  dispatcher.push(work(2))
  dispatcher.beginNoMore()
  dispatcher.push(work(3))
  dispatcher.done(first)
  assert.deepEqual(begun, [1], 'its place is free, and nothing takes it')
  for (const left of dispatcher.clear()) left.giveBack()
  dispatcher.push(work(4))
  assert.deepEqual(back, [2, 3, 4])
  await dispatcher.idle()
})
