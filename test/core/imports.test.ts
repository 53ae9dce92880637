import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  connectShares,
  type ExportDefinition,
  type ImportDefinition,
  Mappings,
} from '../../src/core/index.ts'
import { fakeBus } from './fakes.ts'

const service = (subject: string): ExportDefinition => ({
  kind: 'service',
  subject,
  accounts: null,
  accountTokenPosition: 0,
  responseType: 'singleton',
  responseThresholdMs: 1000,
})
const taken = (account: string, subject: string, to = subject): ImportDefinition => ({
  kind: 'service',
  account,
  subject,
  to,
  share: false,
})

test('a message keeps its subject for all that get it, wherever it goes on the way', () => {
  const { bus, client } = fakeBus({
    authenticator: { isRequired: true, authenticate: ({ options }) => ({ account: options.user, user: '' }) },
  })
  const map = (from: string, to: string): Mappings => {
    const mappings = new Mappings()
    mappings.add(from, [{ subject: to, weight: 100 }])
    return mappings
  }
  // Round by a mapping, which no check of imports sees.
  bus.account('A').mappings = new Mappings()
  bus.account('A').mappings?.add('p', [{ subject: 'service', weight: 100 }])
  bus.account('A').mappings?.add('y', [{ subject: 'zzzzzzz', weight: 100 }])
  bus.account('B').mappings = map('service', 'other')
  connectShares(bus, [
    { name: 'A', exports: [service('y')], imports: [taken('B', 'service')] },
    { name: 'B', exports: [service('service')], imports: [taken('A', 'y', 'other')] },
  ])
  const listener = client({ user: 'A' })
  listener.say('SUB service 1\r\nSUB zzzzzzz 2\r\n')
  client({ user: 'A' }).say('PUB p 1\r\nx\r\n')
  const subjects = [...listener.take().matchAll(/H?MSG (\S+) (\d)/g)].map(
    (match) => `${match[1]} ${match[2]}`,
  )
  assert.deepEqual(subjects.sort(), ['service 1', 'zzzzzzz 2'])
})

test('an answer to a subject that asks the same service again is no request', () => {
  const { bus, client } = fakeBus({
    authenticator: { isRequired: true, authenticate: ({ options }) => ({ account: options.user, user: '' }) },
  })
  connectShares(bus, [
    { name: 'A', exports: [], imports: [taken('B', 'service')] },
    { name: 'B', exports: [service('service')], imports: [] },
  ])
  const [asks, answers] = [client({ user: 'A' }), client({ user: 'B' })]
  answers.say('SUB service 1\r\n')
  asks.say('SUB service 1\r\nPUB service service 1\r\nx\r\n')
  const reply = /HMSG service 1 (_R_\S+)/.exec(answers.take())?.[1]
  asks.take()
  assert.equal(answers.say(`PUB ${reply} 1\r\ny\r\n`), '')
  assert.equal(asks.take(), 'MSG service 1 1\r\ny\r\n')
})

test('what the server sends to a service says nothing of who asks that a client has written', () => {
  const { bus, client } = fakeBus({
    authenticator: { isRequired: true, authenticate: ({ options }) => ({ account: options.user, user: '' }) },
  })
  connectShares(bus, [
    { name: 'A', exports: [], imports: [taken('B', 'service')] },
    { name: 'B', exports: [service('service')], imports: [] },
  ])
  const listener = client({ user: 'B' })
  listener.say('SUB service 1\r\n')
  // As a consumer delivers what was stored.
  bus
    .account('A')
    .publishText('service', 'x', '', 'NATS/1.0\r\nA: b\r\nnats-request-info : {"acc":"SYS"}\r\nC: d\r\n\r\n')
  assert.match(listener.take(), /^HMSG service 1 \d+ \d+\r\nNATS\/1.0\r\nA: b\r\nC: d\r\n\r\nx\r\n$/)
})

test('imports that part and meet again are not followed for ever', () => {
  const { bus } = fakeBus()
  const depth = 24
  const levels = Array.from({ length: depth }, (_, level) => [`L${level}`, `R${level}`])
  const shares = levels.flatMap((pair, level) =>
    pair.map((name) => ({
      name,
      exports: [service('>')],
      imports: (levels[level + 1] ?? []).map((next) => taken(next, '>')),
    })),
  )
  const startMs = performance.now()
  assert.throws(() => connectShares(bus, shares), { message: 'cycle search depth exhausted' })
  assert.ok(performance.now() - startMs < 3000, `${performance.now() - startMs}`)
})
