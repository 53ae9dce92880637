/** Who gets a message, in which form: several connections at once. */
import { differential, HELLO, type Session } from '../harness.ts'

const PLAIN = 'CONNECT {"verbose":false,"pedantic":false,"headers":false}\r\n'
const SILENT =
  'CONNECT {"verbose":false,"pedantic":false,"echo":false,"headers":true,"no_responders":true}\r\n'

function hpub(subject: string, headers: string, body: string): string {
  const head = `NATS/1.0\r\n${headers}\r\n`
  return `HPUB ${subject} ${head.length} ${head.length + body.length}\r\n${head}${body}\r\n`
}

/** Two connections with a subscription each; everything `publisher` sends is compared on both. */
async function pair(s: Session, subscriptions: string, publications: string, connect = HELLO): Promise<void> {
  const listener = await s.open('listener', connect)
  await listener.send(subscriptions)
  const publisher = await s.open('publisher')
  await publisher.send(publications)
  await publisher.settle()
  await listener.settle()
}

const SUBJECTS: Record<string, [subscriptions: string[], publications: string[]]> = {
  'a star takes one token': [
    ['a.*.c', 'a.*'],
    ['a.b.c', 'a.b', 'a.b.c.d', 'a..c', 'a'],
  ],
  'the full wildcard takes the rest, at least one token': [
    ['a.>', '>'],
    ['a', 'a.b', 'a.b.c', 'b'],
  ],
  'stars and the full wildcard together': [
    ['*.b.>', '*.*', '*'],
    ['a.b.c', 'a.b', 'b', 'x.b.y.z'],
  ],
  'case matters': [
    ['Foo', 'foo'],
    ['foo', 'Foo', 'FOO'],
  ],
  'subjects with odd characters': [
    ['a-b_c', '@', '{}', 'ü'],
    ['a-b_c', '@', '{}', 'ü'],
  ],
  'wildcards as parts of tokens are letters': [
    ['a.b*', 'a.>b', 'a*.>'],
    ['a.b*', 'a.bc', 'a.>b', 'a*.x', 'ab.x'],
  ],
  'publishing to wildcards reaches who matches them': [
    ['a.*', 'a.>', 'a.b'],
    ['a.*', 'a.>', '*'],
  ],
  'long subjects of many tokens': [[`${'t.'.repeat(60)}*`, 't.>'], [`${'t.'.repeat(60)}x`]],
}

for (const [name, [subscriptions, publications]] of Object.entries(SUBJECTS)) {
  differential(`delivery: ${name}`, async (s) => {
    const subs = subscriptions.map(
      (subject, i) => `SUB ${Buffer.from(subject).toString('latin1')} ${i + 1}\r\n`,
    )
    // A listener for each subscription: which of several comes first on one connection is not told by the protocol.
    const listeners = await Promise.all(subs.map((_, i) => s.open(`listener to ${subscriptions[i]}`)))
    for (const [i, listener] of listeners.entries()) await listener.send(subs[i])
    const publisher = await s.open('publisher')
    for (const subject of publications) {
      await publisher.send(`PUB ${Buffer.from(subject).toString('latin1')} 2\r\nok\r\n`)
    }
    await publisher.settle()
    for (const listener of listeners) await listener.settle()
  })
}

differential('delivery: headers are taken out for those who did not ask for them', async (s) => {
  await pair(s, 'SUB h 1\r\n', hpub('h', 'A: b\r\n', 'body') + hpub('h reply', 'A: b\r\nC:d\r\n', ''), PLAIN)
})

differential('delivery: headers pass byte for byte', async (s) => {
  const odd = 'A: b\r\na:  c \r\nÄ: \xff\r\nEmpty:\r\nNoColon\r\n'
  await pair(s, 'SUB h 1\r\n', hpub('h', odd, 'x'))
})

differential('delivery: header blocks that are none', async (s) => {
  await pair(s, 'SUB h 1\r\n', 'HPUB h 4 6\r\nabcdef\r\nHPUB h 0 2\r\nok\r\n')
  await s.raw(`${HELLO}HPUB h 12\r\n`)
  await s.raw(`${HELLO}HPUB h a 12\r\n`)
  await s.raw(`${HELLO}HPUB h -1 12\r\n`)
  await s.raw(`${HELLO}HPUB h 12 -1\r\n`)
  await s.raw(`${HELLO}HPUB\r\n`)
  await s.raw(`${HELLO}HPUB h r x 1 2\r\n`)
})

differential('delivery: no echo, to oneself and to others', async (s) => {
  const a = await s.open('a', SILENT)
  const b = await s.open('b', SILENT)
  await a.send('SUB e 1\r\nSUB e q 2\r\n')
  await b.send('SUB e 1\r\n')
  await a.send('PUB e 1\r\nx\r\n')
  await a.settle()
  await b.settle()
})

differential('no responders: for requests with and without headers, own inbox or not', async (s) => {
  const a = await s.open('a')
  await a.send('SUB in.> 1\r\n', 'PUB nobody in.1 2\r\nhi\r\n', hpub('nobody in.2', 'A: b\r\n', 'x'))
  await a.settle()
  await a.send('PUB nobody other.inbox 2\r\nhi\r\n', 'PUB nobody 2\r\nhi\r\n')
  await a.settle('replies elsewhere')
  const b = await s.open('b')
  await b.send('SUB service q 1\r\n')
  await a.send('PUB service in.3 2\r\nhi\r\n')
  await b.settle()
  await a.settle('somebody is there')
  await b.send('UNSUB 1\r\n')
  await a.send('PUB service in.4 2\r\nhi\r\n')
  await a.settle('somebody has gone')
})

differential('no responders: not told to who did not ask', async (s) => {
  const a = await s.open('a', 'CONNECT {"verbose":false,"headers":true}\r\n')
  await a.send('SUB in.> 1\r\n', 'PUB nobody in.1 2\r\nhi\r\n')
  await a.settle()
})

differential('queue groups: one copy for each group, and one for each plain subscription', async (s) => {
  const counts: Record<string, number> = {}
  const members = []
  for (const group of ['a', 'a', 'b', 'b', 'b', '']) {
    const member = await s.open(`member of ${group}`)
    await member.send(`SUB q.* ${group === '' ? '' : `${group} `}1\r\n`)
    members.push({ group, member })
  }
  const publisher = await s.open('publisher')
  await publisher.send('PUB q.x 2\r\nok\r\n'.repeat(60))
  for (const { group, member } of members) {
    const found = await member.take()
    counts[group] = (counts[group] ?? 0) + found.length
    if (found.length === 0) s.note('a member got nothing', group)
  }
  s.note('copies of each group', counts)
})

differential('queue groups: wildcards and literals are one group each subject', async (s) => {
  const a = await s.open('a')
  await a.send('SUB w.* g 1\r\n')
  const b = await s.open('b')
  await b.send('SUB w.x g 1\r\n')
  const publisher = await s.open('publisher')
  await publisher.send('PUB w.x 2\r\nok\r\n'.repeat(30))
  s.note('together', (await a.take()).length + (await b.take()).length)
})

differential('UNSUB with a maximum, over several messages and connections', async (s) => {
  const a = await s.open('a')
  const b = await s.open('b')
  await a.send('SUB m 1\r\nUNSUB 1 3\r\n')
  await b.send('PUB m 1\r\n1\r\n', 'PUB m 1\r\n2\r\n')
  await b.send('PUB m 1\r\n3\r\n', 'PUB m 1\r\n4\r\n')
  await a.settle()
  await a.send('SUB m 1\r\nUNSUB 1 0\r\n')
  await b.send('PUB m 1\r\n5\r\n')
  await a.settle('a maximum of zero')
  await a.send('SUB m 3\r\nUNSUB 3 2\r\nUNSUB 3 1\r\n')
  await b.send('PUB m 1\r\n6\r\nPUB m 1\r\n7\r\n')
  await a.settle('a smaller maximum')
  await a.send('SUB m 4\r\nUNSUB 4 -1\r\n')
  await b.send('PUB m 1\r\n8\r\n')
  await a.settle('a negative maximum')
})

differential('messages of one publisher keep their order', async (s) => {
  const listener = await s.open('listener')
  await listener.send('SUB o.* 1\r\n')
  const publisher = await s.open('publisher')
  let bytes = ''
  for (let i = 0; i < 500; i++) bytes += `PUB o.${i % 7} ${`${i}`.length}\r\n${i}\r\n`
  await publisher.send(bytes)
  s.note(
    'payloads',
    (await listener.take()).map((frame) => frame.payload),
  )
})

differential('payloads of every size around the powers of two', async (s) => {
  const listener = await s.open('listener')
  await listener.send('SUB size 1\r\n')
  const publisher = await s.open('publisher')
  for (const size of [1, 127, 128, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1_048_575, 1_048_576]) {
    await publisher.send(`PUB size ${size}\r\n${'x'.repeat(size)}\r\n`)
  }
  s.note(
    'sizes',
    (await listener.take()).map((frame) => frame.payload?.length),
  )
})

differential('payloads with line ends and protocol in them', async (s) => {
  await pair(
    s,
    'SUB p 1\r\n',
    'PUB p 12\r\n\r\nPUB p 1\r\n\r\n\r\nPUB p 4\r\n\r\n\r\n\r\nPUB p 3\r\n\x00\xff\x00\r\n',
  )
})

differential('verbose: an +OK for each operation, before what it brings', async (s) => {
  await s.raw(
    'CONNECT {"verbose":true,"headers":true}\r\n',
    'SUB v 1\r\n',
    'PUB v 2\r\nok\r\n',
    'HPUB v 12 12\r\nNATS/1.0\r\n\r\n\r\n',
    'UNSUB 1\r\n',
    'PING\r\n',
    'PONG\r\n',
    'SUB a..b 2\r\n',
    'CONNECT {"verbose":false}\r\n',
    'SUB v 3\r\n',
  )
})

differential('pedantic: what it refuses', async (s) => {
  const lines = [
    'PUB a..b 0\r\n\r\n',
    'PUB a.* 0\r\n\r\n',
    'PUB a. 0\r\n\r\n',
    'PUB a r..x 0\r\n\r\n',
    'SUB a..b 1\r\n',
    'SUB a.>.b 1\r\n',
    'SUB b q..x 1\r\n',
    'UNSUB 9\r\n',
  ]
  const connect = 'CONNECT {"verbose":false,"pedantic":true,"headers":true}\r\n'
  await s.eachRaw(lines.map((line) => `${connect}${line}PING\r\n`))
})

differential('CONNECT: protocol versions and odd values', async (s) => {
  const all = [
    '{"protocol":0}',
    '{"protocol":1}',
    '{"protocol":2}',
    '{"protocol":-1}',
    '{"protocol":"1"}',
    '{"verbose":false,"name":"ü","lang":"x","version":"1"}',
    '{"verbose":false,"name":1}',
    '{"verbose":"false"}',
    '{"verbose":null}',
    '{"headers":true,"no_responders":true,"verbose":false}',
    '{"headers":false,"no_responders":true,"verbose":false}',
    '{"verbose":false,"user":"nobody","pass":"x"}',
    '{"verbose":false,"auth_token":"x"}',
    '{"verbose":false,"tls_required":true}',
    '{"verbose":false,"nkey":"UXXX","sig":"x"}',
    '{"verbose":false,"jwt":"x"}',
    '{"VERBOSE":false}',
    '[]',
    'null',
    '""',
    '{"verbose":false} trailing',
  ]
  await s.eachRaw(all.map((options) => `CONNECT ${options}\r\nPING\r\n`))
  await s.raw('CONNECT\r\nPING\r\n')
  await s.raw('CONNECT   {"verbose":false}  \r\nPING\r\n')
  await s.raw('connect {"verbose":false}\r\nping\r\n')
  await s.raw('PING\r\nPUB x 0\r\n\r\nPING\r\n')
})
