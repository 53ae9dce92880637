/** Logins that take their time, and what becomes of clients when somebody else decides from now on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Authenticator,
  type Credentials,
  type Identity,
  openAuthenticator,
} from '../../src/core/index.ts'
import { fakeBus } from './fakes.ts'

const CONNECT = `CONNECT ${JSON.stringify({ verbose: false, pedantic: false, user: 'u' })}\r\n`

/** Decides when it is told to. */
class Slow implements Authenticator {
  readonly isRequired = true
  readonly asked: { credentials: Credentials; tell: (identity: Identity | null) => void }[] = []

  authenticate(credentials: Credentials): Promise<Identity | null> {
    return new Promise((tell) => this.asked.push({ credentials, tell }))
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
const identity: Identity = { account: '$G', user: 'u' }
const nobody: Authenticator = { isRequired: true, authenticate: () => null }

test('who waits to be let in when somebody else begins to decide is let in by that one alone', async () => {
  const slow = new Slow()
  const { bus, client } = fakeBus({ authenticator: slow })
  const waiting = client({ user: 'u' })
  bus.changeAuthenticator(nobody)
  assert.equal(waiting.isEnded, false)
  slow.asked[0].tell(identity)
  await turn()
  assert.match(waiting.take(), /Authorization Violation/)
  assert.equal(waiting.isEnded, true)
})

test('of two answers about who may stay the later question counts', async () => {
  const { bus, client } = fakeBus()
  const there = client({ user: 'u' })
  const [first, second] = [new Slow(), new Slow()]
  bus.changeAuthenticator(first)
  bus.changeAuthenticator(second)
  second.asked[0].tell({ ...identity, user: 'second' })
  await turn()
  first.asked[0].tell(null)
  await turn()
  assert.equal(there.isEnded, false)
  assert.equal(there.session.user, 'second')
})

test('who leaves while it waits is kept by nobody', async () => {
  const slow = new Slow()
  const { client } = fakeBus({ authenticator: slow })
  const left: string[] = []
  const [leaves, stays] = [client(), client()]
  for (const [at, name] of ['leaves', 'stays'].entries()) {
    const { credentials } = slow.asked[at]
    credentials.onLeft?.(() => left.push(name))
    assert.equal(credentials.hasLeft?.(), false)
  }
  leaves.session.close('gone')
  assert.deepEqual(left, ['leaves'])
  slow.asked[1].tell(identity)
  await turn()
  stays.session.close('gone')
  assert.deepEqual(left, ['leaves'])
})

test('clients that never said CONNECT are looked at anew as well', () => {
  const { bus, client } = fakeBus()
  const clients = ['heard', 'silent'].map(() => client())
  const [heard, silent] = clients.map(
    ({ bus: same }) => new (clients[0].constructor as typeof import('./fakes.ts').FakeClient)(same),
  )
  heard.say('SUB a 1\r\n')
  bus.changeAuthenticator(nobody)
  assert.match(heard.take(), /Authorization Violation/)
  assert.equal(heard.isEnded, true)
  // It is just coming: it may still say who it is.
  assert.equal(silent.isEnded, false)
  bus.changeAuthenticator({ isRequired: true, authenticate: () => identity })
  assert.equal(silent.say(`${CONNECT}PING\r\n`).includes('PONG'), true)
})

test('without logins everything is open to who had less before, and who was a user comes again', () => {
  const limited: Authenticator = {
    isRequired: true,
    admitsUnknown: true,
    hasUser: () => true,
    authenticate: ({ options }) => ({
      account: '$G',
      user: options.user,
      permissions: {
        responses: null,
        describe: () => ({}),
        mayPublish: () => false,
        maySubscribe: () => true,
        isFiltered: () => false,
        mayReceive: () => true,
      },
    }),
  }
  const { bus, client } = fakeBus({ authenticator: limited })
  const [named, unnamed] = [client({ user: 'u' }), client()]
  assert.match(unnamed.say('PUB a 0\r\n\r\n'), /Permissions Violation/)
  bus.changeAuthenticator({ ...openAuthenticator, hasUser: () => false })
  assert.equal(unnamed.say('PUB a 0\r\n\r\nPING\r\n').replace(/INFO\r\n/, ''), 'PONG\r\n')
  assert.equal(named.isEnded, true)
  assert.equal(named.take(), '')
})
