import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAccount, createUser } from '@nats-io/nkeys'
import bcrypt from 'bcryptjs'
import {
  ConfiguredUsers,
  type ConnectionType,
  decodeKey,
  isPublicKey,
  isSigned,
  type UserRecord,
} from '../../src/auth/index.ts'
import { type ConnectOptions, defaultConnectOptions, type Peer } from '../../src/core/index.ts'

const tcp: Peer = { host: '127.0.0.1', port: 1, kind: 'tcp' }
const inProcess: Peer = { host: '127.0.0.1', port: 0, kind: 'in-process' }

function user(fields: Partial<UserRecord>): UserRecord {
  return {
    name: '',
    isNkey: false,
    password: '',
    account: 'A',
    permissions: null,
    connectionTypes: [],
    ...fields,
  }
}

function users(records: UserRecord[], more: { noAuthUser?: string; token?: string } = {}): ConfiguredUsers {
  return new ConfiguredUsers({
    users: records,
    noAuthUser: '',
    token: '',
    isAnnounced: true,
    mapsCertificates: false,
    ...more,
  })
}

async function nameOf(
  who: ConfiguredUsers,
  options: Partial<ConnectOptions>,
  peer = tcp,
  nonce = 'nonce',
): Promise<string | null> {
  const identity = await who.authenticate({
    options: { ...defaultConnectOptions(), ...options },
    peer,
    nonce,
  })
  return identity === null ? null : identity.user
}

test('a public key is taken whole and unchanged, and of its kind only', () => {
  const key = createUser().getPublicKey()
  assert.equal(decodeKey(key, 'user')?.length, 32)
  assert.equal(isPublicKey(createAccount().getPublicKey(), 'user'), false)
  for (let length = 0; length < key.length; length++) {
    assert.equal(isPublicKey(key.slice(0, length), 'user'), false, `${length}`)
    const changed = `${key.slice(0, length)}${key[length] === 'A' ? 'B' : 'A'}${key.slice(length + 1)}`
    assert.equal(isPublicKey(changed, 'user'), false, `changed at ${length}`)
  }
  for (const odd of [`${key}A`, key.toLowerCase(), `${key.slice(0, -1)}=`, '\0'.repeat(56), 'é'.repeat(56)]) {
    assert.equal(isPublicKey(odd, 'user'), false, odd)
  }
})

test('a signature is of this nonce and by this key', () => {
  const pair = createUser()
  const key = pair.getPublicKey()
  const signature = Buffer.from(pair.sign(Buffer.from('nonce')))
  assert.ok(isSigned('nonce', signature.toString('base64url'), key, 'user'))
  assert.ok(isSigned('nonce', signature.toString('base64'), key, 'user'))
  assert.ok(!isSigned('other', signature.toString('base64url'), key, 'user'))
  assert.ok(!isSigned('nonce', signature.toString('base64url'), createUser().getPublicKey(), 'user'))
  for (let length = 0; length < 86; length += 5) {
    assert.ok(!isSigned('nonce', signature.toString('base64url').slice(0, length), key, 'user'), `${length}`)
  }
  assert.ok(!isSigned('nonce', '!', key, 'user'))
  assert.ok(!isSigned('nonce', signature.toString('base64url'), key.slice(0, 20), 'user'))
})

test('what was signed where no nonce was given opens nothing', async () => {
  const pair = createUser()
  const key = pair.getPublicKey()
  const who = users([user({ name: key, isNkey: true })])
  const sign = (text: string): string => Buffer.from(pair.sign(Buffer.from(text))).toString('base64url')
  assert.equal(await nameOf(who, { nkey: key, sig: sign('n') }, tcp, 'n'), key)
  // Clients sign the empty text for a server that asks for nothing, and this may be one that asks since its last reload.
  assert.equal(await nameOf(who, { nkey: key, sig: sign('') }, tcp, ''), null)
})

test('hashed passwords are compared elsewhere, and known at once the next time', async () => {
  const hash = bcrypt.hashSync('secret', 4)
  const who = users([user({ name: 'ann', password: hash })])
  assert.equal(await nameOf(who, { user: 'ann', pass: 'secret' }), 'ann')
  const credentials = { peer: tcp, nonce: '' }
  const options = { ...defaultConnectOptions(), user: 'ann' }
  const again = who.authenticate({ ...credentials, options: { ...options, pass: 'secret' } })
  assert.ok(!(again instanceof Promise))
  assert.equal(await nameOf(who, { user: 'ann', pass: 'wrong' }), null)
  assert.equal(await nameOf(who, { user: 'ann', pass: hash }), null)
  // A hash that is broken is nobody's.
  const broken = users([user({ name: 'ann', password: '$2b$04$tooshort' })])
  assert.equal(await nameOf(broken, { user: 'ann', pass: '$2b$04$tooshort' }), null)
})

test('the loop goes on while hashes are compared', async () => {
  const hash = bcrypt.hashSync('secret', 10)
  const who = users([user({ name: 'ann', password: hash })])
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  const names = await Promise.all(['a', 'b', 'c', 'secret'].map((pass) => nameOf(who, { user: 'ann', pass })))
  clearInterval(timer)
  assert.deepEqual(names, [null, null, null, 'ann'])
  assert.ok(turns > 5, `${turns} turns`)
})

test('connection types bind a user to a way to come', async () => {
  const only = (...types: ConnectionType[]) => types
  const who = users([
    user({ name: 'web', password: 'p', connectionTypes: only('WEBSOCKET') }),
    user({ name: 'std', password: 'p', connectionTypes: only('STANDARD') }),
    user({ name: 'own', password: 'p', connectionTypes: only('IN_PROCESS') }),
  ])
  assert.equal(await nameOf(who, { user: 'web', pass: 'p' }), null)
  assert.equal(await nameOf(who, { user: 'std', pass: 'p' }), 'std')
  assert.equal(await nameOf(who, { user: 'own', pass: 'p' }), null)
  assert.equal(await nameOf(who, { user: 'own', pass: 'p' }, inProcess), 'own')
  assert.equal(await nameOf(who, { user: 'std' }, inProcess), null)
})

test('no_auth_user is bound to its ways to come, too', async () => {
  const guest = user({
    name: 'guest',
    password: 'p',
    connectionTypes: ['WEBSOCKET'],
  })
  const who = users([guest], { noAuthUser: 'guest' })
  assert.equal(await nameOf(who, {}), null)
})

test('in the process a user needs no password, and a wrong one is still wrong', async () => {
  const pair = createUser()
  const who = users([
    user({ name: 'ann', password: bcrypt.hashSync('x', 4) }),
    user({ name: pair.getPublicKey(), isNkey: true }),
  ])
  assert.equal(await nameOf(who, {}, inProcess), 'ann')
  assert.equal(await nameOf(who, { user: 'ann' }, inProcess), 'ann')
  assert.equal(await nameOf(who, { user: pair.getPublicKey() }, inProcess), pair.getPublicKey())
  assert.equal(await nameOf(who, { user: 'ann', pass: 'y' }, inProcess), null)
  assert.equal(await nameOf(who, { user: 'nobody' }, inProcess), null)
  assert.equal(await nameOf(who, {}), null)
  assert.equal(await nameOf(who, { user: 'ann' }), null)
})

test('who has left while it waited does not hold up others', async () => {
  const slow = bcrypt.hashSync('slow', 10)
  const who = users([user({ name: 'slow', password: slow })])
  const options = { ...defaultConnectOptions(), user: 'slow' }
  const asked = (pass: string, hasLeft: () => boolean) =>
    who.authenticate({ options: { ...options, pass }, peer: tcp, nonce: '', hasLeft })
  const answers: string[] = []
  const first = Promise.resolve(asked('first', () => false)).then(() => answers.push('first'))
  let looked = 0
  // More than may wait: they make room for who comes behind them.
  const gone = Array.from({ length: 2000 }, () =>
    asked('slow', () => {
      looked++
      return true
    }),
  )
  const last = await asked('slow', () => false)
  assert.equal(last?.user, 'slow')
  assert.ok(looked > 0)
  assert.deepEqual(await Promise.all(gone), Array(2000).fill(null))
  await first
  assert.deepEqual(answers, ['first'])
})
