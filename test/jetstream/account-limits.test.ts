import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccountTiers, NO_ACCOUNT_LIMITS } from '../../src/jetstream/config/account-limits.ts'
import { AccountUsage } from '../../src/jetstream/stream/account-usage.ts'
import { backup, restore } from './backups.ts'
import { errorOf, House, type Json } from './house.ts'

const limits = (fields: Partial<typeof NO_ACCOUNT_LIMITS>): AccountTiers => ({
  '': { ...NO_ACCOUNT_LIMITS, ...fields },
})
const housed = (fields: Partial<typeof NO_ACCOUNT_LIMITS>) =>
  House.open({ accounts: [{ name: '$G', tiers: limits(fields) }] })

const ledger = () => ({ usage: new AccountUsage('A', () => {}) })

const codeOf = (act: () => void): number => {
  try {
    act()
  } catch (error) {
    return (error as { errCode: number }).errCode
  }
  return 0
}

test('bytes are counted by where they are, and held against what is allowed', () => {
  const { usage } = ledger()
  assert.equal(usage.isLimited, false)
  assert.equal(usage.wouldExceed(true, Number.MAX_SAFE_INTEGER), false)
  usage.change(limits({ maxMemory: 100 }))
  assert.equal(usage.isLimited, true)
  usage.count(true, 60)
  usage.count(false, 1000)
  assert.equal(usage.wouldExceed(true, 40), false)
  assert.equal(usage.wouldExceed(true, 41), true)
  assert.equal(usage.wouldExceed(false, 1e12), false)
  usage.count(true, -30)
  assert.equal(usage.wouldExceed(true, 70), false)
  usage.change(limits({ maxMemory: 10, maxStore: 0 }))
  assert.equal(usage.wouldExceed(true, 0), true)
  assert.equal(usage.wouldExceed(false, 1), true)
})

test('streams are promised no more than is allowed, beside what others were promised', () => {
  const { usage } = ledger()
  usage.change(limits({ maxStore: 100, maxMemory: 50, maxStreams: 2, maxConsumers: 3 }))
  usage.reserve(false, 80)
  const config = { name: 'S' }
  assert.equal(
    codeOf(() => usage.checkStream(config, false, 20, 0)),
    0,
  )
  assert.equal(
    codeOf(() => usage.checkStream(config, false, 21, 0)),
    10047,
  )
  assert.equal(
    codeOf(() => usage.checkStream(config, false, 100, 80)),
    0,
  )
  assert.equal(
    codeOf(() => usage.checkStream(config, true, 51, 0)),
    10028,
  )
  assert.equal(
    codeOf(() => usage.checkStream({ ...config, max_consumers: 4 }, true, 1, 0)),
    10026,
  )
  assert.equal(
    codeOf(() => usage.checkStreams(1)),
    0,
  )
  assert.equal(
    codeOf(() => usage.checkStreams(2)),
    10027,
  )
})

test('limits of streams with three copies are none for those of one', () => {
  const { usage } = ledger()
  usage.change({ R1: { ...NO_ACCOUNT_LIMITS, maxStore: 10 }, R3: NO_ACCOUNT_LIMITS })
  assert.equal(usage.wouldExceed(false, 11), true)
  assert.equal(usage.wouldExceed(true, 11), false)
  usage.change({ R3: NO_ACCOUNT_LIMITS })
  assert.equal(usage.wouldExceed(true, 1), true)
  assert.equal(usage.refusal(true).errCode, 10120)
  assert.equal(
    codeOf(() => usage.checkStreams(0)),
    10120,
  )
})

test('the log is told once a minute, of each kind of storage', async () => {
  const house = await housed({ maxStore: 0, maxMemory: 100 })
  const { told } = house
  await house.stream({ name: 'M', subjects: ['m'], storage: 'memory' })
  for (let i = 0; i < 3; i++) await house.publish('m', 'x'.repeat(100))
  const full = 'warn: JetStream memory resource limits exceeded for account: "$G"'
  assert.deepEqual(told, [full])
  assert.equal(account(house).refusal(false).errCode, 10002)
  await house.pass(59_000)
  await house.publish('m', 'x'.repeat(100))
  assert.deepEqual(told, [full, full.replace('memory', 'file')])
  await house.pass(1000)
  await house.publish('m', 'x'.repeat(100))
  assert.equal(told.length, 3)
})

const account = (house: House) => house.js.account('$G')?.usage as AccountUsage

/** What is counted is what is there. */
function exact(house: House): void {
  const bytes = { memory: 0, storage: 0 }
  for (const { log } of house.js.account('$G')?.streams.values() ?? [])
    bytes[log.inMemory ? 'memory' : 'storage'] += log.bytes
  const { memory, storage } = account(house)
  assert.deepEqual({ memory, storage }, bytes)
}

test('what is used stays right however messages go, and after a restart and a crash', async () => {
  let house = await housed({ maxStore: 5000 })
  await house.stream({ name: 'F', subjects: ['f.*'], max_msgs_per_subject: 2, max_bytes: 3000 })
  await house.stream({ name: 'M', subjects: ['m.*'], storage: 'memory', max_age: 1e9 })
  for (let i = 0; i < 20; i++) await house.publish(`f.${i % 4}`, 'x'.repeat(100))
  for (let i = 0; i < 5; i++) await house.publish(`m.${i}`, 'x'.repeat(100))
  exact(house)
  await house.api('STREAM.MSG.DELETE.F', { seq: 19 })
  await house.api('STREAM.PURGE.F', { filter: 'f.0' })
  exact(house)
  await house.pass(3000)
  assert.equal(account(house).memory, 0)
  const { storage, reservedStorage } = account(house)
  house = await house.restart()
  assert.deepEqual([account(house).storage, account(house).reservedStorage], [storage, reservedStorage])
  house = await house.crash()
  assert.deepEqual([account(house).storage, account(house).reservedStorage], [storage, reservedStorage])
  exact(house)
  assert.deepEqual(errorOf(await house.publish('f.9', 'x'.repeat(4900))), [
    10002,
    'resource limits exceeded for account',
  ])
  await house.api('STREAM.DELETE.F')
  assert.deepEqual([account(house).storage, account(house).reservedStorage], [0, 0])
})

test('a batch that does not fit is not stored, not even in part', async () => {
  const house = await housed({ maxStore: 400 })
  await house.stream({ name: 'S', subjects: ['s'], allow_atomic: true })
  const send = (seq: number, commit: string[] = []) =>
    house.ask('s', 'x'.repeat(150), ['Nats-Batch-Id: b', `Nats-Batch-Sequence: ${seq}`, ...commit])
  await send(1)
  const [answer] = await send(2, ['Nats-Batch-Commit: 1'])
  assert.deepEqual(errorOf(JSON.parse(answer.body)), [10002, 'resource limits exceeded for account'])
  assert.equal((await house.state('S')).messages, 0)
  assert.equal((await house.publish('s', 'x'.repeat(150))).seq, 1)
})

test('a backup with more than the account may have is not restored', async () => {
  const house = await housed({})
  await house.stream({ name: 'S', subjects: ['s'] })
  for (let i = 0; i < 20; i++) await house.publish('s', 'x'.repeat(100))
  const { answer, chunks } = await backup(house, 'S')
  await house.api('STREAM.DELETE.S')
  account(house).change(limits({ maxStore: 1000 }))
  assert.deepEqual(errorOf(await restore(house, answer, chunks)), [
    10047,
    'insufficient storage resources available',
  ])
  assert.deepEqual(errorOf(await house.api('STREAM.INFO.S')), [10059, 'stream not found'])
  assert.deepEqual([account(house).storage, account(house).reservedStorage], [0, 0])
  account(house).change(limits({ maxStore: 10_000 }))
  assert.equal((await restore(house, answer, chunks)).error, undefined)
  exact(house)
})

test('mirrors and schedules keep to what the account may have', async () => {
  const house = await housed({ maxMemory: 500 })
  await house.stream({ name: 'O', subjects: ['o'] })
  await house.stream({ name: 'C', mirror: { name: 'O' }, storage: 'memory' })
  for (let i = 0; i < 10; i++) await house.publish('o', 'x'.repeat(100))
  await house.pass(100)
  const { memory } = account(house)
  assert.ok(memory > 300 && memory <= 500, `${memory}`)
})

test('accounts may not have more together than the server', async () => {
  const half = limits({ maxMemory: 600 })
  const both = [
    { name: 'A', tiers: half },
    { name: 'B', tiers: half },
  ]
  await assert.rejects(
    House.open({ accounts: both, maxMemory: 1000 }),
    /insufficient memory resources available/,
  )
  const house = await House.open({ accounts: both, maxMemory: 2000 })
  await assert.rejects(house.js.enable('C', limits({ maxMemory: 900 })), /insufficient memory resources/)
  assert.equal(house.js.account('C'), undefined)
  await assert.rejects(house.js.enable('A', limits({ maxMemory: 1500 })), /insufficient memory resources/)
  await house.js.enable('A', limits({ maxMemory: 1400 }))
  assert.equal(house.js.account('A')?.usage.limits.maxMemory, 1400)
})

test('fields that nobody knows are passed over where the server is not strict', async () => {
  const request: Json = { name: 'S', subjects: ['s'], colour: 'red', consumer_limits: { shape: 'round' } }
  const strict = await House.open()
  assert.deepEqual(errorOf(await strict.api('STREAM.CREATE.S', request)), [
    10025,
    'invalid JSON: json: unknown field "colour"',
  ])
  const lenient = await House.open({ strict: false })
  for (let i = 0; i < 2; i++) await lenient.api('STREAM.CREATE.S', request)
  assert.deepEqual(lenient.told, [
    `warn: Invalid JetStream request '$G > $JS.API.STREAM.CREATE.S': json: unknown field "colour"`,
  ])
  assert.equal((await lenient.api('STREAM.CREATE.S', request)).error, undefined)
  assert.deepEqual(errorOf(await lenient.api('STREAM.CREATE.S', '{"name":"S","colour":1')), [
    10025,
    'invalid JSON: unexpected end of JSON input',
  ])
})
