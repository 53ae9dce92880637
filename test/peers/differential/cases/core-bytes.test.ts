/** Bad input: bytes as clients should not send them. */
import { differential, HELLO } from '../harness.ts'

const OPERATIONS = ['CONNECT', 'PUB', 'HPUB', 'SUB', 'UNSUB', 'PING', 'PONG', 'INFO', 'MSG', '+OK', '-ERR']

differential('every operation cut at every letter', async (s) => {
  const starts = (word: string): string[] => Array.from(word, (_, i) => `${word.slice(0, i + 1)}\r\n`)
  await s.eachRaw(OPERATIONS.flatMap(starts))
})

differential('every operation with a letter changed', async (s) => {
  const changed = (word: string): string[] =>
    Array.from(word, (_, at) => `${word.slice(0, at)}#${word.slice(at + 1)}\r\n`)
  await s.eachRaw(OPERATIONS.flatMap(changed))
})

const LINES: Record<string, string[]> = {
  'other protocols': [
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01',
    '\x00\x00\x00\x00',
    '*1\r\n$4\r\nPING\r\n',
  ],
  'sizes of PUB': [
    'PUB a +1\r\nx\r\n',
    'PUB a 01\r\nx\r\nPING\r\n',
    'PUB a 0x1\r\nx\r\n',
    'PUB a 1.0\r\nx\r\n',
    'PUB a 1e1\r\n',
    'PUB a 4294967297\r\n',
    'PUB a 9223372036854775807\r\n',
    'PUB a 9223372036854775808\r\n',
    'PUB a 1048576\r\n',
  ],
  'sizes of HPUB': [
    'HPUB a 12 1048577\r\n',
    'HPUB a 1048577 1048577\r\n',
    'HPUB a 13 12\r\n',
    'HPUB a 99999999999999999999 12\r\n',
    'HPUB a 12 99999999999999999999\r\n',
    'HPUB a 0 0\r\n\r\n',
  ],
  'payloads not followed by a line end': [
    'PUB a 2\r\nokPING\r\n',
    'PUB a 2\r\nok\rPING\r\n',
    'PUB a 2\r\nok\nPING\r\n',
    'PUB a 0\r\nPING\r\n',
    'PUB a 2\r\n\r\nPING\r\n',
  ],
  'line ends': [
    'PING\n',
    'PING\r',
    '\r\n\r\nPING\r\n',
    '\n',
    'PING\r\r\n',
    'PING\n\r',
    ' PING\r\n',
    '\tPING\r\n',
  ],
  'arguments of SUB': [
    'SUB  a  1  \r\nPING\r\n',
    'SUB\ta\t1\r\nPING\r\n',
    'SUB a\r\n',
    'SUB a q 1 2\r\n',
    'SUB a ü 1\r\nPING\r\n',
    'SUB a.b.c. 1\r\nPING\r\n',
    'SUB .a 1\r\nPING\r\n',
    'SUB . 1\r\nPING\r\n',
    'SUB > q 1\r\nPING\r\n',
    `SUB a ${'9'.repeat(200)}\r\nPING\r\n`,
  ],
  'arguments of UNSUB': [
    'UNSUB 1 1 1\r\n',
    'UNSUB  1  \r\nPING\r\n',
    'UNSUB 1 99999999999999999999\r\nPING\r\n',
    'UNSUB 1 1.5\r\nPING\r\n',
    'UNSUB x\r\nPING\r\n',
  ],
  'arguments of PING and PONG': ['PING x\r\n', 'PONG x\r\n', 'PONG\r\nPING\r\n', 'PINGPING\r\n'],
  'control characters in subjects': [
    'SUB a\x00b 1\r\nPUB a\x00b 2\r\nok\r\nPING\r\n',
    'SUB \x7f 1\r\nPUB \x7f 0\r\n\r\nPING\r\n',
    'SUB a\x01 1\r\nPING\r\n',
    'PUB a\x0bb 0\r\n\r\nPING\r\n',
  ],
  'lines around the limit of 4096 bytes': [4086, 4090, 4091, 4092, 4093, 4094, 4095, 4096, 4097, 4100].map(
    (size) => `SUB ${'a'.repeat(size)} 1\r\nPING\r\n`,
  ),
  'publish lines around the limit': [4086, 4090, 4092, 4093, 4094, 4095, 4096, 4097].map(
    (size) => `PUB ${'a'.repeat(size)} 2\r\nok\r\nPING\r\n`,
  ),
  'CONNECT around the limit': [4000, 4070, 4080, 4090, 4100, 9000].map(
    (size) => `CONNECT {"verbose":false,"name":"${'n'.repeat(size)}"}\r\nPING\r\n`,
  ),
  'what comes after an error': [
    'SUB a..b 1\r\nSUB a 2\r\nPUB a 2\r\nok\r\nPING\r\n',
    'XXX\r\nPING\r\n',
    'PUB a b c d\r\nPING\r\n',
    'UNSUB\r\nPING\r\n',
  ],
  'server operations from clients': [
    'MSG a 1 2\r\nok\r\n',
    'HMSG a 1 2 2\r\nok\r\n',
    '+OK\r\nPING\r\n',
    '-ERR \r\nPING\r\n',
    '-ERR\r\nPING\r\n',
    'INFO\r\nPING\r\n',
    'INFO {"x":1}\r\nPING\r\n',
    'RMSG a b 2\r\n',
    'LMSG a b 2\r\n',
    'RS+ a b\r\n',
    'LS+ a\r\n',
    'A+ a\r\n',
  ],
}

for (const [name, pieces] of Object.entries(LINES)) {
  differential(`bytes: ${name}, before CONNECT`, async (s) => {
    await s.eachRaw(pieces)
  })
  differential(`bytes: ${name}, after CONNECT`, async (s) => {
    await s.eachRaw(pieces.map((piece) => HELLO + piece))
  })
}

differential('others are not disturbed by a connection that misbehaves', async (s) => {
  const good = await s.open('good')
  await good.send('SUB x 1\r\n')
  const bad = await s.open('bad')
  bad.write('PUB x 5\r\nhel')
  await good.send('PUB x 2\r\nok\r\n')
  await good.settle()
  bad.write('loXX\r\nPUB x 1\r\n')
  await bad.settle()
  await good.settle('after the other was closed')
})

differential('lines that never end', async (s) => {
  // In pieces with pauses: a connection closed with bytes unread is reset, and its last frames may be lost.
  await s.raw(...Array<string>(5).fill('x'.repeat(1000)))
  await s.raw('SUB ', ...Array<string>(5).fill('a'.repeat(1000)))
  await s.raw('PUB a ', ...Array<string>(5).fill('1'.repeat(1000)))
})
