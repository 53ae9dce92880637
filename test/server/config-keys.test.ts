import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type ConfigReport, readConfigFile } from '../../src/server/config/index.ts'
import type { Launch } from '../../src/server/launch.ts'

const folder = mkdtempSync(join(tmpdir(), 'contrail-keys-'))
after(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'c.conf')

function read(text: string): { launch: Launch } & ConfigReport {
  writeFileSync(file, text)
  const launch: Launch = { server: {}, log: {} }
  return { ...readConfigFile(file, launch), launch }
}

test('every key sets its option', () => {
  const { launch, warnings } = read(`
    listen: "127.0.0.1:4333"
    server_name: one
    http: 8222
    max_payload: 2MB
    max_connections: 100
    max_control_line: 2KB
    max_pending: 32MB
    max_subscriptions: 10
    ping_interval: "30s"
    ping_max: 3
    write_deadline: "5s"
    debug: true
    trace: false
    logfile: "/var/log/x"
    logtime: false
    pid_file: "/run/x"
    ports_file_dir: "/run"
    authorization { user: a, password: b, timeout: 1.5 }
    jetstream {
      store_dir: /data
      max_memory_store: 1GB
      max_file_store: "10G"
      sync_interval: always
      domain: hub
    }
  `)
  assert.deepEqual(warnings, [])
  assert.deepEqual(launch, {
    server: {
      host: '127.0.0.1',
      port: 4333,
      name: 'one',
      monitorPort: 8222,
      maxPayload: 2 * 1024 ** 2,
      maxConnections: 100,
      maxControlLine: 2048,
      maxPending: 32 * 1024 ** 2,
      maxSubscriptions: 10,
      pingInterval: 30_000,
      pingMax: 3,
      writeDeadline: 5000,
      user: 'a',
      password: 'b',
      authTimeout: 1500,
      jetstream: true,
      storeDir: '/data',
      maxMemoryStore: 1024 ** 3,
      maxFileStore: 10 * 1024 ** 3,
      syncInterval: 'always',
      domain: 'hub',
    },
    log: { debug: true, trace: false, file: '/var/log/x', time: false },
    pidFile: '/run/x',
    portsFileDir: '/run',
  })
})

test('users, tokens, and jetstream as a word', () => {
  const { launch } = read(
    'authorization { users: [ {user: a, password: x}, {user: b, pass: y} ] }\njetstream: enabled',
  )
  assert.deepEqual(launch.server.users, [
    { user: 'a', password: 'x' },
    { user: 'b', password: 'y' },
  ])
  assert.equal(launch.server.jetstream, true)
  assert.equal(read('authorization { token: s3cret }').launch.server.token, 's3cret')
  assert.equal(read('jetstream { sync_interval: "1s" }').launch.server.syncInterval, 1000)
})

test('the key of an encrypted store, under each of its names', () => {
  const { launch } = read('jetstream { cipher: AES, key: new, prev_key: old }')
  assert.deepEqual(launch.server.encryption, { cipher: 'aes', key: 'new', previousKey: 'old' })
  assert.deepEqual(read('jetstream { ek: k, cipher: chachapoly }').launch.server.encryption, {
    cipher: 'chacha',
    key: 'k',
  })
  assert.deepEqual(
    read('jetstream { prev_encryption_key: old, encryption_key: new }').launch.server.encryption,
    { key: 'new', previousKey: 'old' },
  )
})

test('a duration in seconds is taken, with a warning', () => {
  const { launch, warnings } = read('ping_interval: 3')
  assert.equal(launch.server.pingInterval, 3000)
  assert.match(
    warnings[0],
    /c\.conf:1:0: invalid use of field "ping_interval": ping_interval should be converted/,
  )
})

test('a key that only serves as a variable is no mistake', () => {
  assert.equal(read('N: 4555\nport: $N').launch.server.port, 4555)
})

const mistakes: [string, string][] = [
  ['jetstream { cipher: rot13, key: k }', '1:12: Unknown cipher type: "rot13"'],
  ['foo: 1', '1:0: unknown field "foo"'],
  ['port: 1\njetstream { foo: 1 }', '2:13: unknown field "foo"'],
  ['port: abc', '1:0: interface conversion: interface {} is string, not int64'],
  ['max_payload: true', '1:0: interface conversion: interface {} is bool, not int64'],
  ['debug: 1', '1:0: interface conversion: interface {} is int64, not bool'],
  ['listen: foo', '1:0: could not parse address string "foo"'],
  ['ping_interval: abc', '1:0: error parsing ping_interval: time: invalid duration "abc"'],
  ['server_name: "a b"', '1:0: server name cannot contain spaces'],
  ['jetstream: maybe', "1:0: Expected 'enabled' or 'disabled' for string value, got 'maybe'"],
  ['authorization { user: a, token: b }', '1:0: Cannot have a user/pass and token'],
  ['authorization { user: a, pass: b, users: [] }', '1:0: Can not have a single user/pass and a users array'],
  [
    'authorization { timeout: x }',
    '1:16: error parsing authorization config, \'timeout\' time: invalid duration "x"',
  ],
  // nats-server takes these for no secret at all.
  ['authorization { token: "" }', '1:16: token is empty: anyone could log in'],
  ['EMPTY: ""\nauthorization { token: $EMPTY }', '2:17: token is empty: anyone could log in'],
  ['authorization { user: u, password: "" }', '1:25: password is empty: anyone could log in'],
  ['authorization { user: "", password: p }', '1:16: user is empty: anyone could log in'],
  ['authorization { user: u }', '1:0: user "u" needs a password'],
  ['authorization { password: p }', '1:0: a password needs a user: anyone could log in'],
  ['authorization { users: [] }', '1:0: users is empty: anyone could log in'],
  ['authorization { users: [{user: u, password: ""}] }', '1:34: password is empty: anyone could log in'],
  [
    'authorization { users: [{user: a, password: b, permissions: { sub: { allow: a, else: b } }}] }',
    `1:79: Unknown field name "else" parsing subject permissions, only 'allow' or 'deny' are permitted`,
  ],
  [
    'authorization { users: [{user: a, password: b, permissions: { foo: a }}] }',
    '1:62: Unknown field "foo" parsing permissions',
  ],
  ['authorization { users: [{nkey: UABC}] }', '1:25: Not a valid public nkey for a user'],
  [
    'authorization { users: [{user: a, password: b, clients: [NOPE]}] }',
    '1:47: invalid connection types ["NOPE"]',
  ],
  ['accounts { $G { } }', '1:11: "$G" is a Reserved Account'],
  ['accounts { A: 1 }', '1:11: Expected map entries for accounts'],
  [
    'accounts { A { exports: [ { stream: a, service: b } ] } }',
    '1:39: Detected service "b" but already saw a stream',
  ],
  ['accounts { A { exports: [ { service: a, response: maybe } ] } }', '1:40: Unknown response type: "maybe"'],
  [
    'accounts { A { imports: [ { stream: { account: B } } ] } }',
    '1:28: Expect an account name and a subject',
  ],
  [
    'accounts { A { mappings: { a: { destination: b } } } }',
    '1:27: Missing weight for mapping destination "b"',
  ],
  [
    'accounts { A { mappings: { a: { destination: b, weight: 101 } } } }',
    '1:48: Invalid weight 101 for mapping destination',
  ],
  ['accounts { A { limits: { max: 1 } } }', '1:25: Unknown field "max" parsing account limits'],
  ['jetstream { key: "" }', '1:12: key is empty: the store would not be encrypted'],
  ['jetstream { key: k, prev_key: "" }', '1:20: prev_key is empty: the store would not be encrypted'],
  ['jetstream { cipher: aes }', '1:0: cipher or prev_key without a key: the store would not be encrypted'],
  ['tls { cert_file: x, foo: 1 }', `1:20: error parsing tls config, unknown field "foo"`],
  ['tls { verify: 1 }', "1:6: error parsing tls config, expected 'verify' to be a boolean"],
  ['tls { min_version: "1.1" }', '1:6: error parsing tls config: unsupported TLS version: TLS 1.1'],
  [
    'cluster { port: 1, routes: ["nats-route://a:1"] }',
    '1:19: "routes" is not supported: Contrail serves one machine and does not cluster.',
  ],
  ['authorization { users: [{user: a, proxy_required: true}] }', '1:34: "proxy_required" is not supported'],
]

for (const [text, message] of mistakes) {
  test(`${text.split('\n').pop()} is refused with its place`, () => {
    assert.throws(
      () => read(text),
      (error: Error) => error.message.startsWith(`${file}:${message}`),
    )
  })
}

test('rules that are none are told without a place, as nats-server does', () => {
  for (const [rules, message] of [
    ['publish: ["a b"]', 'subject "a b" is not a valid subject\n'],
    ['subscribe: "   "', 'subject "   " is not a valid subject\n'],
  ]) {
    const text = `authorization { users: [{user: a, password: b, permissions: { ${rules} }}] }`
    assert.throws(() => read(text), { message })
  }
})

test('every mistake is told at once', () => {
  assert.throws(() => read('foo: 1\nbar: 2'), /unknown field "foo"\n.*c\.conf:2:1: unknown field "bar"\n$/)
})

test('a file that is not there', () => {
  const launch: Launch = { server: {}, log: {} }
  assert.throws(() => readConfigFile('nofile', launch), { message: 'open nofile: no such file or directory' })
})
