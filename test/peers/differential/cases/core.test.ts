import { differential } from '../harness.ts'

const HELLO = 'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\n'

/** Bytes that a client might send, each on a connection of its own. */
const BYTES: Record<string, string[]> = {
  'a publish with a size that is no number': ['PUB foo bar\r\nx\r\n'],
  'a publish without a size': ['PUB foo\r\n'],
  'a payload longer than its size': ['PUB foo 2\r\nokXX'],
  'a negative size': ['PUB foo -1\r\n'],
  'a size beyond 64 bits': ['PUB foo 99999999999999999999\r\n'],
  'a payload above the limit': ['PUB foo 1048577\r\n'],
  'too many arguments for PUB': ['PUB foo 2 3 4\r\n'],
  'SUB alone': ['SUB\r\n'],
  'SUB without an id': ['SUB foo\r\n'],
  'SUB with too many arguments': ['SUB foo a b c d\r\n'],
  'an invalid subscription subject': ['SUB foo..bar 1\r\nPING\r\n'],
  'a subject that ends with a dot': ['SUB foo. 1\r\nPING\r\n'],
  'the full wildcard in the middle': ['SUB foo.>.bar 1\r\nPING\r\n'],
  'stars that are no wildcards': [`${HELLO}SUB foo*.bar 1\r\nPUB foo*.bar 2\r\nok\r\nPING\r\n`],
  'an invalid queue': ['SUB foo a..b 1\r\nPING\r\n'],
  'the same id twice': ['SUB foo 1\r\nSUB foo 1\r\nPUB foo 2\r\nok\r\n'],
  'CONNECT with nothing in it': ['CONNECT {}\r\nPING\r\n'],
  'CONNECT with bad JSON': ['CONNECT {bad\r\n'],
  'CONNECT with a wrong type': ['CONNECT {"verbose":1}\r\nPING\r\n'],
  'CONNECT with unknown fields': ['CONNECT {"verbose":false,"foo":{"bar":[1]}}\r\nPING\r\n'],
  'CONNECT twice': ['CONNECT {"verbose":false}\r\nCONNECT {"verbose":true}\r\nPING\r\n'],
  'verbose acknowledges each operation': [
    'CONNECT {"verbose":true}\r\nPING\r\nPUB foo 0\r\n\r\nSUB a 1\r\nUNSUB 1\r\n',
  ],
  'pedantic refuses wildcards in a publish': [
    'CONNECT {"pedantic":true,"verbose":false}\r\nPUB foo.* 2\r\nok\r\nPING\r\n',
  ],
  'pedantic refuses empty tokens in a publish': ['SUB foo.> 1\r\nPUB foo..b 2\r\nok\r\nPING\r\n'],
  'without pedantic an empty token reaches nobody': [
    `${HELLO}SUB foo.> 1\r\nPUB foo..b 2\r\nok\r\nPUB foo. 2\r\nok\r\nPING\r\n`,
  ],
  'UNSUB alone': ['UNSUB\r\n'],
  'UNSUB of what is not there': ['UNSUB 7\r\nPING\r\n'],
  'UNSUB with a bad number': ['UNSUB 1 x\r\nPING\r\n'],
  'UNSUB with too many arguments': ['UNSUB 1 2 3\r\nPING\r\n'],
  'UNSUB after two': [
    `${HELLO}SUB foo 1\r\nUNSUB 1 2\r\nPUB foo 1\r\na\r\nPUB foo 1\r\nb\r\nPUB foo 1\r\nc\r\nPING\r\n`,
  ],
  'UNSUB after as many as were delivered': [
    `${HELLO}SUB foo 1\r\nPUB foo 1\r\na\r\nPUB foo 1\r\nb\r\nUNSUB 1 2\r\nPUB foo 1\r\nc\r\nPING\r\n`,
  ],
  'headers without having asked for them': ['HPUB foo 12 14\r\nNATS/1.0\r\n\r\nok\r\n'],
  'headers delivered': [`${HELLO}SUB foo 1\r\nHPUB foo bar 12 14\r\nNATS/1.0\r\n\r\nok\r\nPING\r\n`],
  'headers longer than the message': ['CONNECT {"headers":true}\r\nHPUB foo 20 14\r\nNATS/1.0\r\n\r\nok\r\n'],
  'HPUB with one size': ['CONNECT {"headers":true}\r\nHPUB foo 12\r\n'],
  'an unknown operation': ['XX'],
  'an operation cut short': ['P\r\n'],
  'an operation with a letter too many': ['PINGX\r\n'],
  'PING with spaces': ['PING  \r\n'],
  'PUBX is none': ['PUBX foo 2\r\nok\r\n'],
  '+OK from a client': ['+OK\r\nPING\r\n'],
  '-ERR from a client': ['-ERR x\r\nPING\r\n'],
  'INFO from a client': ['INFO {}\r\nPING\r\n'],
  'MSG from a client': ['MSG foo 1 2\r\nok\r\n'],
  'an empty line': ['\r\n'],
  'no responders needs headers': ['CONNECT {"no_responders":true}\r\nPING\r\n'],
  'no responders is told': [`${HELLO}SUB in.* 9\r\nPUB a.b in.1 0\r\n\r\nPING\r\n`],
  'no responders, when only the sender listens without echo': [
    'CONNECT {"verbose":false,"echo":false,"headers":true,"no_responders":true}\r\nSUB in.* 9\r\nSUB a.b 1\r\nPUB a.b in.1 0\r\n\r\nPING\r\n',
  ],
  'lines that end with LF only': ['SUB foo 1\nPUB foo 2\nok\r\nPING\n'],
  'lower case and tabs': ['sub foo\tq\t 1\r\npub\t foo  2 \r\nok\r\n'],
  'echo off': [
    'CONNECT {"protocol":1,"echo":false,"verbose":false}\r\nSUB foo 1\r\nPUB foo 2\r\nok\r\nPING\r\n',
  ],
  'a reply subject': [`${HELLO}SUB foo 1\r\nPUB foo the.reply 2\r\nok\r\nPING\r\n`],
  'an empty payload': [`${HELLO}SUB foo 1\r\nPUB foo 0\r\n\r\nPING\r\n`],
  'overlapping subscriptions get a copy each': [
    `${HELLO}SUB foo.* 1\r\nSUB foo.> 2\r\nSUB > 3\r\nSUB foo.bar 4\r\nPUB foo.bar 1\r\nx\r\nPING\r\n`,
  ],
  'a queue group gets one copy': [
    `${HELLO}SUB foo q 1\r\nUNSUB 1\r\nSUB foo q 2\r\nPUB foo 1\r\nx\r\nPING\r\n`,
  ],
  'a control line above the limit': [`${HELLO}SUB ${'a'.repeat(5000)} 1\r\nPING\r\n`],
  'a publish line above the limit': [`${HELLO}PUB ${'a'.repeat(5000)} 1\r\nx\r\n`],
  'an endless line': ['PUB ', 'a'.repeat(3000), 'a'.repeat(3000), 'a'.repeat(3000)],
  'a frame cut in pieces': ['PU', 'B fo', 'o 5\r', '\nhe', 'llo\r', '\nPING\r\n'],
  'a subscription cut in pieces': [HELLO, 'SU', 'B foo 1', '\r\nPUB foo 2\r\no', 'k\r\n', 'PING\r', '\n'],
  'invalid UTF-8 in a subject': [`${HELLO}SUB \xff\xfe 1\r\nPUB \xff\xfe 2\r\nok\r\nPING\r\n`],
  'a system subject': [`${HELLO}SUB $SYS.> 1\r\nPING\r\n`],
}

for (const [name, pieces] of Object.entries(BYTES)) {
  differential(name, async (s) => {
    await s.raw(...pieces)
  })
}

differential('INFO has the same fields', async (s) => {
  await s.info()
})
