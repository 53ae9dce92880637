import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ConfiguredUsers,
  certificateNames,
  type UserRecord,
  userOfCertificate,
} from '../../src/auth/index.ts'
import { defaultConnectOptions, type Peer } from '../../src/core/index.ts'

test('names of a certificate are read as Node shows them', () => {
  const names = certificateNames(
    'O=Tests\nCN=ann',
    'DNS:a.test, email:ann@example.test, URI:"spiffe://x, y", IP Address:127.0.0.1, DNS:*.b.test',
  )
  assert.deepEqual(names.hosts, ['a.test', '*.b.test'])
  assert.deepEqual(names.emails, ['ann@example.test'])
  assert.deepEqual(names.uris, ['spiffe://x, y'])
})

test('a subject is the same part by part, each as often', () => {
  const of = (subject: string, ...users: string[]) => userOfCertificate(certificateNames(subject, ''), users)
  assert.equal(of('O=X\nCN=Alice', 'CN=Alice,O=X'), 'CN=Alice,O=X')
  assert.equal(of('O=X\nCN=Alice', 'O=X,CN=Alice'), 'O=X,CN=Alice')
  assert.equal(of('O=X\nOU=Y\nCN=Alice', 'OU=Y,CN=Alice,O=X'), 'OU=Y,CN=Alice,O=X')
  assert.equal(of('O=X\nOU=Y\nCN=Alice', 'CN=Alice,CN=Alice,O=X'), null)
  assert.equal(of('O=X\nCN=Alice\nCN=Alice', 'CN=Alice,OU=Y,O=X'), null)
  assert.equal(of('O=X\nCN=Alice', 'CN=Alice'), null)
  assert.equal(of('O=X\nCN=Alice', 'Alice', 'CN=alice,O=X'), null)
  assert.equal(of('O=A\\, B\nCN=Alice', 'CN=Alice,O=A\\, B'), 'CN=Alice,O=A\\, B')
  assert.equal(of('CN=Alice\\, O=X', 'CN=Alice,O=X'), null)
  // The exact order goes before another.
  assert.equal(of('O=X\nOU=Y\nCN=A', 'OU=Y,CN=A,O=X', 'CN=A,OU=Y,O=X'), 'CN=A,OU=Y,O=X')
  assert.equal(of('', ''), null)
})

test('a user without a password comes by its certificate only', async () => {
  const bob: UserRecord = {
    name: 'bob@example.test',
    isNkey: false,
    password: '',
    account: '$G',
    permissions: null,
    connectionTypes: [],
  }
  const users = { users: [bob], noAuthUser: '', isAnnounced: true, mapsCertificates: true, token: '' }
  const who = new ConfiguredUsers(users)
  const options = { ...defaultConnectOptions(), user: bob.name }
  const peer: Peer = { host: '127.0.0.1', port: 1, kind: 'tcp' }
  const tls = {
    version: '1.3',
    cipher: '',
    publicKeyHash: '',
    certificate: certificateNames('CN=bob', 'email:bob@example.test'),
  }
  const identity = await who.authenticate({
    options: defaultConnectOptions(),
    peer: { ...peer, tls },
    nonce: '',
  })
  assert.equal(identity?.user, bob.name)
  assert.equal(await who.authenticate({ options, peer, nonce: '' }), null)
  assert.equal(await who.authenticate({ options, peer: { ...peer, kind: 'websocket' }, nonce: '' }), null)
  assert.equal(
    await new ConfiguredUsers({ ...users, mapsCertificates: false }).authenticate({
      options,
      peer,
      nonce: '',
    }),
    null,
  )
})
