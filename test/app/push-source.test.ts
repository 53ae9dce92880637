/** A push consumer that is gone is noticed, in a group of members too, who hear no heartbeats. */
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import type { NatsConnection } from '@nats-io/nats-core'
import { PushSource } from '../../src/app/consumer/push-source.ts'

for (const [group, why] of [
  [undefined, 'heartbeats are missing'],
  ['billing', 'nothing was heard'],
] as const) {
  test(`after a while without a word ${group === undefined ? 'a single reader' : 'a member of a group'} asks`, async (t) => {
    let now = 0
    mock.method(performance, 'now', () => now)
    mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
    t.after(() => {
      mock.timers.reset()
      mock.restoreAll()
    })
    const asked: string[] = []
    let isThere = false
    const nc = { subscribe: () => ({ unsubscribe() {} }) } as unknown as NatsConnection
    const source = new PushSource(nc, { subject: 'to.us', group, config: {} }, 10, {
      allowed: 10,
      space: () => 10,
      message: () => {},
      revive: async (reason) => {
        asked.push(reason)
        if (!isThere) throw new Error('the stream is gone')
      },
    })
    const pass = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 1000) {
        now += 1000
        mock.timers.tick(1000)
        for (let i = 0; i < 5; i++) await Promise.resolve()
      }
    }
    source.start()
    await pass(10_000)
    assert.deepEqual(asked, [])
    await pass(5000)
    assert.equal(asked[0], why)
    // While it can't be made again it is tried every second.
    await pass(3000)
    assert.ok(asked.length >= 3, `${asked.length}`)
    isThere = true
    await pass(2000)
    const { length } = asked
    await pass(10_000)
    assert.equal(asked.length, length)
    await source.pause(false)
  })
}
