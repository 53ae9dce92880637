/** What accounts share: streams, services, their answers; and mappings of subjects. */
import { login } from '../credentials.ts'
import { differential, type Line, type Session, serversWith } from '../harness.ts'

serversWith({
  flags: [],
  config: `
accounts {
  A {
    users: [ { user: a, password: p } ]
    exports: [
      { stream: "pub.>" }
      { stream: "private.*", accounts: [B] }
      { stream: "tok.*.data", account_token_position: 2 }
      { stream: "deep.*.*" }
      { service: "svc" }
      { service: "svc.many", response_type: stream }
      { service: "calc.*.*" }
      { service: "only.*", accounts: [B] }
      { service: "acct.*.ask", account_token_position: 2 }
    ]
  }
  B {
    users: [
      { user: b, password: p }
      { user: bound, password: p, permissions: { subscribe: { deny: ["pub.secret", "from.a.hidden"] } } }
      { user: guarded, password: p, permissions: { publish: { deny: "svc" } } }
    ]
    imports: [
      { stream: { account: A, subject: "pub.>" } }
      { stream: { account: A, subject: "private.*" }, to: "mine.*" }
      { stream: { account: A, subject: "tok.B.data" }, prefix: "got" }
      { stream: { account: A, subject: "deep.*.*" }, to: "turned.$2.$1" }
      { service: { account: A, subject: "svc" } }
      { service: { account: A, subject: "svc.many" }, to: "many" }
      { service: { account: A, subject: "calc.*.*" }, to: "do.$2.$1" }
      { service: { account: A, subject: "only.x" }, to: "ask.x", share: true }
      { service: { account: A, subject: "acct.B.ask" }, to: "acct.ask" }
    ]
    exports: [ { service: "svc" } ]
  }
  C {
    users: [ { user: c, password: p } ]
    imports: [
      { stream: { account: A, subject: "pub.x" }, prefix: "from.a" }
      { service: { account: B, subject: "svc" }, to: "chained" }
    ]
  }
  M {
    users: [ { user: m, password: p } ]
    mappings: {
      "old": "new"
      "turn.*.*": "turned.$2.$1"
      "part.*": "parts.{{partition(3,1)}}.{{wildcard(1)}}"
      "lost": [ { destination: "lost", weight: 0 } ]
      "both": [ { destination: "one", weight: 50 }, { destination: "one.x", weight: 50% } ]
      "rest.>": "moved.>"
      "shut.*": [ { destination: "open.$1", weight: 100 } ]
    }
    limits: { max_subscriptions: 3, max_payload: 50 }
  }
  N {
    users: [ { user: n1, password: p }, { user: n2, password: p } ]
    limits: { max_connections: 2 }
  }
}
`,
})

async function as(s: Session, user: string): Promise<Line> {
  return s.open(user, login({ user, pass: 'p', name: `app-${user}` }))
}

async function settle(...lines: Line[]): Promise<void> {
  for (const line of lines) await line.send('')
  for (const line of lines) await line.settle()
}

const pub = (subject: string, body = 'hi', reply = ''): string =>
  `PUB ${subject} ${reply === '' ? '' : `${reply} `}${body.length}\r\n${body}\r\n`

differential('streams come under the subjects they have here', async (s) => {
  for (const pattern of [
    'pub.>',
    'pub.x',
    'pub.*',
    'mine.y',
    'mine.*',
    'got.>',
    'got.tok.B.data',
    'turned.*.*',
    'turned.b.*',
    'turned.>',
    '>',
    '*.x',
    '*.*.a',
    'nothing.here',
  ]) {
    const a = await as(s, 'a')
    const b = await as(s, 'b')
    await b.send(`SUB ${pattern} 1\r\n`)
    for (const subject of [
      'pub.x',
      'pub.x.y',
      'private.y',
      'tok.B.data',
      'tok.C.data',
      'deep.a.b',
      'other',
    ]) {
      await a.send(pub(subject, subject, 'r'))
    }
    await settle(a, b)
    await b.send('UNSUB 1\r\n')
    await a.send(pub('pub.x'))
    await settle(a, b)
  }
})

differential('an import with a prefix, and nobody else hears', async (s) => {
  const [a, b, c] = [await as(s, 'a'), await as(s, 'b'), await as(s, 'c')]
  await c.send('SUB from.a.pub.x 1\r\nSUB pub.x 2\r\nSUB from.> q 3\r\n')
  await b.send('SUB from.> 1\r\n')
  await a.send(pub('pub.x'), pub('pub.y'))
  await b.send(pub('pub.x', 'own'))
  await settle(a, b, c)
})

differential('queue groups of two accounts share what is imported', async (s) => {
  const [a, a2, b] = [await as(s, 'a'), await as(s, 'a'), await as(s, 'b')]
  await a2.send('SUB pub.q q 1\r\n')
  await b.send('SUB pub.q q 1\r\n')
  for (let i = 0; i < 40; i++) await a.send(pub('pub.q', `${i}`))
  await settle(a)
  const got = [...(await a2.take()), ...(await b.take())].filter((frame) => frame.op === 'MSG')
  s.note('in all', got.length)
})

differential('a maximum counts what comes from another account', async (s) => {
  const [a, b] = [await as(s, 'a'), await as(s, 'b')]
  await b.send('SUB mine.* 1\r\nUNSUB 1 2\r\n')
  await a.send(pub('private.a'), pub('private.b'), pub('private.c'))
  await settle(a, b)
})

differential('what a user may not see is kept back, under the subject it would have', async (s) => {
  const [a, bound] = [await as(s, 'a'), await as(s, 'bound')]
  await bound.send('SUB pub.> 1\r\nSUB pub.secret 2\r\n')
  await a.send(pub('pub.secret'), pub('pub.open'))
  await settle(a, bound)
})

differential('a request to a service, and its answer', async (s) => {
  const [a, b] = [await as(s, 'a'), await as(s, 'b')]
  await a.send('SUB svc 1\r\nSUB calc.> 2\r\nSUB only.* 3\r\nSUB acct.> 4\r\n')
  await b.send('SUB in.* 9\r\n')
  for (const subject of ['svc', 'do.plus.two', 'ask.x', 'acct.ask']) {
    await b.send(pub(subject, subject, 'in.1'))
    await a.send('')
    for (const { op, subject: there, payload, reply = '', headers = '' } of await a.take()) {
      if (op === 'PONG' || op === 'INFO') continue
      const info = JSON.parse(/Nats-Request-Info: (.*)\r\n/.exec(headers)?.[1] ?? '{}')
      s.note(`request ${subject}`, [
        op,
        there,
        payload,
        reply.slice(0, 4),
        Object.keys(info).sort(),
        info.acc,
        info.name,
      ])
      await a.send(pub(reply, 'answer'), pub(reply, 'again'))
    }
    await b.settle('answers')
  }
  await settle(a, b)
})

differential('answers of several messages, up to an empty one', async (s) => {
  const [a, b] = [await as(s, 'a'), await as(s, 'b')]
  await a.send('SUB svc.many 1\r\n')
  await b.send('SUB in.* 9\r\n', pub('many', 'go', 'in.2'))
  await a.send('')
  const reply = (await a.take()).find(({ op }) => op === 'HMSG')?.reply ?? ''
  await a.send(pub(reply, 'one'), pub(reply, 'two'), pub(reply, ''), pub(reply, 'late'))
  await settle(a, b)
})

differential('nobody answers for a service that nobody serves', async (s) => {
  const b = await as(s, 'b')
  await b.send('SUB in.* 9\r\n', pub('svc', 'x', 'in.1'), pub('do.a.b', 'x', 'in.2'), pub('svc', 'x'))
  await settle(b)
})

differential('the server alone says who asks', async (s) => {
  const [a, b] = [await as(s, 'a'), await as(s, 'b')]
  await a.send('SUB svc 1\r\n')
  const head =
    'NATS/1.0\r\nNats-Request-Info: {"acc":"FAKE"}\r\nOther: 1\r\nnats-request-info: {"acc":"FAKE2"}\r\n\r\n'
  await b.send(`SUB in 9\r\nHPUB svc in ${head.length} ${head.length + 2}\r\n${head}hi\r\n`)
  await a.send('')
  const frames = (await a.take()).filter(({ op }) => op === 'HMSG')
  s.note(
    'headers',
    frames.map(({ headers = '', payload }) => [
      payload,
      /Other: 1/.test(headers),
      [...headers.matchAll(/Nats-Request-Info: (.*)\r\n/g)].map((match) => JSON.parse(match[1]).acc),
    ]),
  )
})

differential('a request passes through two accounts', async (s) => {
  const [a, c] = [await as(s, 'a'), await as(s, 'c')]
  await a.send('SUB svc 1\r\n')
  await c.send('SUB in.* 9\r\n', pub('chained', 'ask', 'in.1'))
  await a.send('')
  const frames = (await a.take()).filter(({ op }) => op === 'HMSG' || op === 'MSG')
  s.note(
    'asked',
    frames.map(({ subject, payload, headers = '' }) => [
      subject,
      payload,
      /"svc":"B"/.test(headers),
      /"acc":"C"/.test(headers),
    ]),
  )
  await a.send(pub(frames[0]?.reply ?? 'x', 'answer'))
  await settle(a, c)
})

differential('the right to publish is asked of the subject here', async (s) => {
  const [a, guarded] = [await as(s, 'a'), await as(s, 'guarded')]
  await a.send('SUB svc 1\r\n')
  await guarded.send('SUB in 9\r\n', pub('svc', 'x', 'in'))
  await settle(a, guarded)
})

differential('mapped subjects', async (s) => {
  const m = await as(s, 'm')
  await m.send('SUB > 1\r\n')
  for (const subject of [
    'old',
    'new',
    'turn.a.b',
    'turn.a',
    'part.a',
    'part.b',
    'part.c',
    'lost',
    'rest.a.b',
    'shut.x',
  ]) {
    await m.send(pub(subject, subject, 'r'))
    await m.settle(subject)
  }
  for (let i = 0; i < 60; i++) await m.send(pub('both', `${i}`))
  const subjects = new Set((await m.take()).map(({ subject }) => subject))
  s.note('both', [...subjects].filter((each) => each !== undefined).sort())
})

differential('limits of an account', async (s) => {
  const m = await as(s, 'm')
  await m.send('SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\n')
  await m.settle()
  await m.send(pub('a', 'x'.repeat(50)))
  await m.settle()
  await s.raw(`${login({ user: 'm', pass: 'p' })}${pub('a', 'x'.repeat(51))}`)
  const lines = [await as(s, 'n1'), await as(s, 'n2')]
  await settle(...lines)
  const third = await as(s, 'n1')
  await third.settle()
  lines[0].close()
  await s.wait(50)
  const fourth = await as(s, 'n1')
  await settle(fourth)
})
