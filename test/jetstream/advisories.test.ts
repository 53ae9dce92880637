/** What went wrong with JetStream in nats-server (docs/security.md names the advisories). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backup, restore } from './backups.ts'
import { House } from './house.ts'

async function filled(): Promise<House> {
  const house = await House.open()
  await house.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
  for (let i = 0; i < 3; i++) await house.publish('s', `${i}`)
  return house
}

const outside = ({ files }: House): string[] =>
  [...files.contents().keys()].filter((name) => !name.startsWith('/store'))
const errorOf = (answer: Record<string, unknown>): unknown =>
  (answer.error as { code?: number } | undefined)?.code

test('a restore makes no stream of another name than the one it is asked for, and none of a name that leads elsewhere', async () => {
  const house = await filled()
  const { answer, chunks } = await backup(house, 'S')
  const config = answer.config as Record<string, unknown>
  const before = outside(house)
  for (const name of ['../x', '/x', 'a/b', 'a\\b', '..', 'a\0b', '', 'x'.repeat(256), 'a b', 'a.b', '*']) {
    const failed = await restore(house, answer, chunks, { ...config, name })
    assert.equal(errorOf(failed), 400, name)
    const made = await house.api('STREAM.CREATE.T', { name, subjects: ['t'] })
    assert.equal(errorOf(made), 400, name)
  }
  for (const name of ['T', '__proto__']) {
    const failed = await restore(house, answer, chunks, { ...config, name })
    assert.notEqual(errorOf(failed), undefined, name)
  }
  assert.deepEqual(await house.api('STREAM.NAMES').then(({ streams }) => streams), ['S'])
  const after = outside(house)
  assert.deepEqual(after, before)
})

test('requests of clusters and operators change nothing, whoever sends them', async () => {
  const house = await filled()
  const requests: [string, unknown][] = [
    ['ACCOUNT.PURGE.$G', ''],
    ['ACCOUNT.STREAM.MOVE.$G.S', { server: 'S', tags: ['x'] }],
    ['ACCOUNT.STREAM.CANCEL_MOVE.$G.S', ''],
    ['SERVER.REMOVE', { peer: 'S' }],
    ['SERVER.STREAM.MOVE.$G.S', { server: 'S' }],
    ['META.LEADER.STEPDOWN', ''],
    ['STREAM.LEADER.STEPDOWN.S', ''],
    ['STREAM.PEER.REMOVE.S', { peer: 'S' }],
  ]
  for (const [subject, body] of requests) {
    const text = body === '' ? '' : JSON.stringify(body)
    const [answer] = await house.ask(`$JS.API.${subject}`, text)
    if (answer !== undefined)
      assert.notEqual(JSON.parse(answer.body).success, true, `${subject}: ${answer.body}`)
  }
  assert.equal((await house.state('S')).messages, 3)
})

test('nobody gets an event of a trace that nobody may send there', async () => {
  const house = await filled()
  const heard = house.listen('secret')
  await house.publish('s', 'x', [
    'Nats-Trace-Dest: secret',
    'traceparent: 00-1-1-01',
    'Accept-Encoding: gzip',
  ])
  await house.pass(100)
  assert.deepEqual(heard, [])
})
