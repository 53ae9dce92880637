import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { Prefetch } from '../../src/app/consumer/prefetch.ts'
import { anotherInstance, instances, makeApp, until } from './support.ts'

test('nothing is taken ahead before the speed is known, then what is handled in a second', () => {
  const prefetch = new Prefetch(2, 500)
  assert.equal(prefetch.allowed, 2)
  prefetch.ended(0.01)
  assert.equal(prefetch.allowed, 500, 'never more than maxInFlight')
  for (let i = 0; i < 200; i++) prefetch.ended(100)
  assert.equal(prefetch.ahead, 20)
  for (let i = 0; i < 200; i++) prefetch.ended(60_000)
  assert.equal(prefetch.ahead, 0)
  const slow = new Prefetch(1, 500, { messages: 10, per: '5s' })
  slow.ended(0.01)
  assert.equal(slow.ahead, 2, 'no more than the rate allows')
})

test('a second instance gets its part of what is there already', async (t) => {
  const handled = [0, 0]
  const MESSAGES = 200
  const [first] = await instances(t, 1, (app) => {
    app.stream('JOBS').consume('jobs.>', { durable: 'w' }, async () => {
      handled[0]++
      await wait(15)
    })
  })
  await Promise.all(Array.from({ length: MESSAGES }, (_, i) => first.publish('jobs.a', i)))
  await until(() => handled[0] > 5, 'the first to be at work')
  const second = makeApp(t, anotherInstance(first))
  second.stream('JOBS').consume('jobs.>', { durable: 'w' }, async () => {
    handled[1]++
    await wait(15)
  })
  await second.start()
  await until(() => handled[0] + handled[1] === MESSAGES, 'all', 20_000)
  assert.ok(handled[1] >= MESSAGES / 5, `the second one handled ${handled[1]} of ${MESSAGES}`)
})

test('a slow handler sits on nothing: who is free has it', async (t) => {
  const isBusy = new Map<number, boolean>()
  const release: Array<() => void> = []
  const handled: number[] = []
  const apps = await instances(t, 2, (app, index) => {
    app.stream('JOBS').consume('jobs.>', { durable: 'w' }, async (n: number) => {
      handled.push(n)
      if (n === 0) {
        isBusy.set(index, true)
        await new Promise<void>((resolve) => release.push(resolve))
      }
    })
  })
  await apps[0].publish('jobs.a', 0)
  await until(() => isBusy.size === 1, 'one to be busy')
  for (let n = 1; n <= 20; n++) await apps[0].publish('jobs.a', n)
  await until(() => handled.length === 21, 'the others')
  release[0]()
})
