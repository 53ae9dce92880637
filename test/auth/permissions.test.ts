import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type PermissionRules,
  RulePermissions,
  ruleMistake,
  type SubjectRules,
} from '../../src/auth/index.ts'
import { type Credentials, type Identity, openAuthenticator } from '../../src/core/index.ts'
import { type FakeClient, fakeBus } from '../core/fakes.ts'

const everything: SubjectRules = { allow: null, deny: [] }

function client(rules: Partial<PermissionRules>) {
  const permissions = new RulePermissions({
    publish: everything,
    subscribe: everything,
    responses: null,
    ...rules,
  })
  const authenticator = {
    ...openAuthenticator,
    authenticate: ({ options }: Credentials): Identity => ({
      account: '$G',
      user: '',
      permissions: options.user === 'bound' ? permissions : null,
    }),
  }
  const house = fakeBus({ authenticator })
  return { ...house, bound: house.client({ user: 'bound' }), free: house.client() }
}

function isPublished(one: FakeClient, subject: string): boolean {
  return one.say(`PUB ${subject} 1\r\nx\r\n`) === ''
}

function isSubscribed(one: FakeClient, subject: string, queue = ''): boolean {
  return one.say(`SUB ${subject} ${queue} ${subject}${queue}\r\n`) === ''
}

test('publishing: what is allowed, without what is denied', () => {
  const { bound } = client({ publish: { allow: ['a.>', 'b.*', 'c'], deny: ['a.secret.>', 'b.x'] } })
  for (const subject of ['a.b', 'a.secret', 'b.y', 'c']) assert.ok(isPublished(bound, subject), subject)
  for (const subject of ['a', 'a.secret.x', 'b.x', 'b.y.z', 'c.d', 'd']) {
    assert.ok(!isPublished(bound, subject), subject)
    // Each time again, whatever was remembered.
    assert.ok(isPublished(bound, 'c') && !isPublished(bound, subject))
  }
})

test('a deny inside a wider subscription is kept back, for members of queue groups too', () => {
  const { bound, free } = client({ subscribe: { allow: null, deny: ['*.secret'] } })
  assert.ok(isSubscribed(bound, 'foo.*'))
  assert.ok(isSubscribed(bound, 'foo.>', 'q'))
  assert.ok(!isSubscribed(bound, 'foo.secret'))
  assert.ok(!isSubscribed(bound, 'foo.secret', 'q'))
  free.say('PUB foo.secret 1\r\ns\r\nPUB foo.open 1\r\no\r\n')
  assert.equal(bound.take().includes('secret'), false)
  assert.equal(bound.session.outMessages, 2)
})

test('a denied queue group is denied however it is asked for', () => {
  const { bound, free } = client({ subscribe: { allow: null, deny: ['admin.>', '> restricted', 'x grp.*'] } })
  assert.ok(!isSubscribed(bound, 'admin.x', 'workers'))
  assert.ok(!isSubscribed(bound, 'any', 'restricted'))
  assert.ok(!isSubscribed(bound, '*.*', 'restricted'))
  assert.ok(!isSubscribed(bound, 'x', 'grp.a'))
  assert.ok(isSubscribed(bound, 'x', 'grp'))
  assert.ok(isSubscribed(bound, '*.x', 'workers'))
  free.say('PUB admin.x 1\r\na\r\nPUB other.x 1\r\no\r\n')
  assert.match(bound.take(), /^MSG other\.x \S+ 1\r\no\r\n$/)
})

test('rules with queue groups: those named and no others, or all', () => {
  const { bound } = client({ subscribe: { allow: ['q.* grp', 'both', 'both v1', 'w v*.>'], deny: [] } })
  assert.ok(isSubscribed(bound, 'q.a', 'grp'))
  assert.ok(!isSubscribed(bound, 'q.a'))
  assert.ok(!isSubscribed(bound, 'q.a', 'other'))
  assert.ok(isSubscribed(bound, 'both'))
  assert.ok(isSubscribed(bound, 'both', 'v1'))
  assert.ok(!isSubscribed(bound, 'both', 'v2'))
})

test('answers are permitted by the message, so often and so long', () => {
  const { bound, free, clock } = client({
    publish: { allow: [], deny: [] },
    responses: { max: 2, ttlMs: 1000 },
  })
  assert.ok(isSubscribed(bound, 'ask'))
  assert.ok(!isPublished(bound, 'r.1'))
  free.say('PUB ask r.1 1\r\nx\r\n')
  bound.take()
  assert.ok(isPublished(bound, 'r.1') && isPublished(bound, 'r.1'))
  assert.ok(!isPublished(bound, 'r.1'))
  free.say('PUB ask r.2 1\r\nx\r\n')
  bound.take()
  clock.advance(1001)
  assert.ok(!isPublished(bound, 'r.2'))
})

test('as many answers may be outstanding as memory has been set aside for', () => {
  const { bound, free } = client({ publish: { allow: [], deny: [] }, responses: { max: -1, ttlMs: -1 } })
  isSubscribed(bound, 'ask')
  for (let i = 0; i < 70_000; i++) {
    free.protocol.receive(Buffer.from(`PUB ask r.${i} 1\r\nx\r\n`))
    if (i % 1000 === 0) bound.take()
  }
  bound.take()
  assert.ok(!isPublished(bound, 'r.0'), 'the oldest has made room')
  assert.ok(isPublished(bound, 'r.69999'))
})

test('what is no rule is told', () => {
  assert.equal(ruleMistake('a.>', false), null)
  assert.equal(ruleMistake('a.* q', true), null)
  assert.equal(ruleMistake('a q', false), 'subject "a q" is not a valid subject')
  assert.equal(ruleMistake('   ', true), 'subject "   " is not a valid subject')
  assert.equal(ruleMistake('', true), 'subject "" is not a valid subject')
  assert.equal(ruleMistake('a..b q', true), 'subject "a..b" is not a valid subject')
  assert.equal(ruleMistake('a q..r', true), 'queue "q..r" is not a valid queue')
})
