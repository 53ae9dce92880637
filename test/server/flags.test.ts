import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCommandLine } from '../../src/server/flags.ts'
import type { Launch } from '../../src/server/launch.ts'

function read(...words: string[]): Launch {
  const launch: Launch = { server: {}, log: {} }
  parseCommandLine(words).apply(launch)
  return launch
}

test('every flag sets its option', () => {
  const words = '-js -sd /data -p -1 -a 127.0.0.1 -m 8222 -n one -P /run/pid -DV --user a --pass b'.split(' ')
  assert.deepEqual(read(...words), {
    server: {
      jetstream: true,
      storeDir: '/data',
      port: -1,
      host: '127.0.0.1',
      monitorPort: 8222,
      name: 'one',
      user: 'a',
      password: 'b',
    },
    log: { debug: true, trace: true },
    pidFile: '/run/pid',
  })
  assert.deepEqual(read('--auth', 't', '-D', '-V', '-l', 'x.log', '-T=false'), {
    server: { token: 't' },
    log: { debug: true, trace: true, file: 'x.log', time: false },
  })
})

test('flags for TLS leave of the file what they say nothing of', () => {
  const tls = {
    cert: 'a',
    key: 'b',
    cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'],
    minVersion: '1.3' as const,
  }
  const launch: Launch = { server: { tls }, log: {} }
  parseCommandLine('--tls --tlscert c --tlskey d --tlsverify --tlscacert e'.split(' ')).apply(launch)
  assert.deepEqual(launch.server.tls, { ...tls, cert: 'c', key: 'd', verify: true, ca: 'e' })
})

test('one dash, two dashes and an equal sign are the same', () => {
  for (const words of [['-p', '1'], ['--p', '1'], ['-p=1'], ['--port=1'], ['-port', '1']]) {
    assert.equal(read(...words).server.port, 1)
  }
  assert.equal(read('-js=false').server.jetstream, false)
  assert.equal(read('--jetstream=true').server.jetstream, true)
  assert.equal(read('--name=a=b').server.name, 'a=b')
})

test('the rest asks for something else', () => {
  assert.equal(parseCommandLine(['-h']).wants, 'help')
  assert.equal(parseCommandLine(['--help']).wants, 'help')
  assert.equal(parseCommandLine(['help']).wants, 'help')
  assert.equal(parseCommandLine(['-v']).wants, 'version')
  assert.equal(parseCommandLine(['version']).wants, 'version')
  assert.equal(parseCommandLine(['-c', 'x.conf', '-t']).wants, 'check')
  assert.equal(parseCommandLine(['--config=x.conf']).configFile, 'x.conf')
  assert.equal(parseCommandLine([]).wants, 'serve')
})

const mistakes: [string[], string][] = [
  [['-foo'], 'flag provided but not defined: -foo'],
  [['-p', 'abc'], 'invalid value "abc" for flag -p: parse error'],
  [['-p', '99999999999999999999'], 'invalid value "99999999999999999999" for flag -p: value out of range'],
  [['-a'], 'flag needs an argument: -a'],
  [['-js=maybe'], 'invalid boolean value "maybe" for -js: parse error'],
  [['---x'], 'bad flag syntax: ---x'],
  [['-=x'], 'bad flag syntax: -=x'],
]

for (const [words, message] of mistakes) {
  test(`${words.join(' ')} is refused`, () => {
    assert.throws(() => parseCommandLine(words), { name: 'FlagError', message })
  })
}

test('a word that is no command is refused', () => {
  assert.throws(() => parseCommandLine(['extra']), {
    name: 'CommandError',
    message: 'unrecognized command: "extra"',
  })
})

test('flags of clusters are refused, with the way there', () => {
  for (const words of [
    ['--cluster', 'nats://x:1'],
    ['--routes=x'],
    ['--cluster_name', 'c'],
    ['--no_advertise'],
  ]) {
    assert.throws(() => parseCommandLine(words), {
      name: 'CommandError',
      message: /does not cluster.*contrail move/s,
    })
  }
})

test('what is not served yet is refused, not passed over', () => {
  assert.throws(() => parseCommandLine(['--syslog_x']), /flag provided but not defined/)
  assert.throws(
    () => parseCommandLine(['--profile', '6060']),
    /flag -profile is not supported: it is Go's profiler/,
  )
})
