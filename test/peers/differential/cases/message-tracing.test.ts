/** Message tracing (ADR-41): what the trace says, and what becomes of the message. */
import { differential, type Line, type Session, serversWith } from '../harness.ts'
import type { Frame } from '../raw-client.ts'
import { as, hpub, noteTraces, ONLY, TRACES, traced } from '../traced.ts'

const SAMPLED = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

serversWith({
  flags: ['-js'],
  config: `
max_payload: 1000
accounts {
  A {
    jetstream: enabled
    users: [
      { user: a, password: p }
      { user: bound, password: p, permissions: { publish: { deny: ["secret", "elsewhere"] }, subscribe: { deny: "hidden.x" } } }
    ]
    mappings: { "old": "new", "same": "same", "turn.*.*": "turned.$2.$1" }
    exports: [
      { stream: "pub.>" }
      { service: "svc", allow_trace: true }
      { service: "quiet" }
      { service: "calc.*.*", allow_trace: true }
    ]
  }
  B {
    users: [ { user: b, password: p } ]
    msg_trace: { dest: "traces", sampling: "100%" }
    imports: [
      { stream: { account: A, subject: "pub.>" }, allow_trace: true }
      { service: { account: A, subject: "svc" } }
      { service: { account: A, subject: "quiet" } }
      { service: { account: A, subject: "calc.*.*" }, to: "do.$2.$1" }
    ]
    exports: [ { service: "svc", allow_trace: true } ]
  }
  C {
    users: [ { user: c, password: p } ]
    trace_dest: "traces"
    imports: [
      { stream: { account: A, subject: "pub.x" }, prefix: "from.a" }
      { service: { account: B, subject: "svc" }, to: "chained" }
    ]
  }
}
`,
})

async function watched(s: Session, user: string, more: Record<string, unknown> = {}): Promise<Line> {
  const line = await as(s, user, more)
  await line.send(`SUB ${TRACES} 900\r\n`)
  return line
}

async function both(line: Line, subject: string, more = {}, reply = ''): Promise<void> {
  await line.send(traced(subject, more, reply))
  await line.send(traced(subject, { ...more, ...ONLY }, reply))
}

differential('a message to nobody, to one, to a group', async (s) => {
  const a = await watched(s, 'a')
  const other = await as(s, 'a', { lang: 'go', version: '1' })
  await both(a, 'x')
  await noteTraces(s, a, 'to nobody')
  await other.send('SUB x 1\r\nSUB * 2\r\nSUB x q 3\r\nSUB x.> 4\r\n')
  await both(a, 'x', { 'X-Other': 'one' })
  await noteTraces(s, a, 'to some')
  await noteTraces(s, other, 'what they get')
})

differential('requests without anybody to answer', async (s) => {
  const a = await watched(s, 'a')
  await a.send('SUB inbox 1\r\n')
  await both(a, 'x', {}, 'inbox')
  await both(a, 'quiet', {}, 'inbox')
  await noteTraces(s, a, 'no responders')
})

differential('headers that ask for a trace, and those that do not', async (s) => {
  const a = await watched(s, 'a')
  await a.send('SUB x 1\r\n')
  for (const headers of [
    { 'nats-trace-dest': TRACES },
    { 'Nats-Trace-Dest': '' },
    { 'Nats-Trace-Dest': 'a..b' },
    { 'Nats-Trace-Dest': 'a.*' },
    { 'Nats-Trace-Dest': 'trace disabled' },
    { 'Nats-Trace-Dest': TRACES, 'Nats-Trace-Only': 'no' },
    { 'Nats-Trace-Dest': TRACES, 'Nats-Trace-Only': 'ON' },
    { 'Nats-Trace-Dest': TRACES, 'Nats-Trace-Only': '1' },
    { 'Nats-Trace-Dest': 'a..b', 'Nats-Trace-Only': '1' },
    { 'Nats-Trace-Only': 'true' },
    { 'Nats-Trace-Dest': TRACES, 'Nats-Trace-Hop': '1.2' },
    { 'Nats-Trace-Dest': TRACES, 'Nats-Trace-Origin-Account': 'A' },
    { 'Nats-Trace-Dest': TRACES, 'Nats-Trace-Only': '1', 'Nats-Trace-Origin-Account': 'A' },
    { 'A-Header': '<&>', 'Nats-Trace-Dest': TRACES, b: 'ü' },
    { traceparent: SAMPLED },
  ]) {
    await a.send(hpub('x', headers as unknown as Record<string, string>))
    await noteTraces(s, a, JSON.stringify(headers))
  }
})

differential('traceparent, by what the account wants', async (s) => {
  for (const user of ['b', 'c']) {
    const line = await watched(s, user)
    await line.send('SUB x 1\r\n')
    for (const value of [
      SAMPLED,
      `${SAMPLED.slice(0, -2)}00`,
      `${SAMPLED.slice(0, -2)}7f`,
      `${SAMPLED.slice(0, -2)}ff`,
      `${SAMPLED.slice(0, -2)}1`,
      'a-b-01',
    ]) {
      await line.send(hpub('x', { traceparent: value }))
      await line.send(hpub('x', { TraceParent: value, 'Nats-Trace-Only': 'true' }))
      await noteTraces(s, line, `${user} ${value}`)
    }
    await line.send(hpub('x', { traceparent: SAMPLED, 'Nats-Trace-Dest': 'elsewhere' }))
    await noteTraces(s, line, `${user} both`)
  }
})

differential('traces that are packed', async (s) => {
  const a = await watched(s, 'a')
  for (const encoding of ['gzip', 'Snappy', 's2', 'br']) {
    await a.send(traced('x', { 'Accept-Encoding': encoding }))
    const frames = (await a.take()).filter(({ subject }) => subject === TRACES)
    s.note(encoding, [
      frames.length,
      frames[0]?.headers,
      frames[0]?.payload?.slice(0, encoding === 'br' ? 9 : 2),
    ])
  }
})

differential('subjects that are mapped', async (s) => {
  const a = await watched(s, 'a')
  await a.send('SUB > 1\r\nUNSUB 900\r\n')
  for (const subject of ['old', 'same', 'turn.a.b', 'turn.a']) await both(a, subject)
  await noteTraces(s, a, 'mapped')
})

differential('what may not be published, and where no trace may go', async (s) => {
  const a = await watched(s, 'a')
  await a.send('SUB elsewhere 1\r\nSUB x 2\r\nSUB secret 3\r\n')
  const bound = await as(s, 'bound')
  await both(bound, 'secret')
  await both(bound, 'x', {}, '_R_.a.b')
  await both(bound, 'x', {}, '$JS.ACK.x')
  for (const dest of ['elsewhere', '_GR_.a', '$NRG.a', 'secret']) {
    await bound.send(traced('x', { 'Nats-Trace-Dest': dest }))
    await bound.send(traced('x', { 'Nats-Trace-Dest': dest, ...ONLY }))
  }
  await noteTraces(s, bound, 'who has published')
  await noteTraces(s, a, 'others')
})

differential('who does not get it, and why', async (s) => {
  const a = await watched(s, 'a')
  const bound = await as(s, 'bound')
  const silent = await watched(s, 'a', { echo: false })
  await bound.send('SUB hidden.* 1\r\nSUB hidden.* q 2\r\n')
  await silent.send('SUB hidden.x 3\r\nSUB hidden.* r 4\r\nSUB hidden.> 5\r\nUNSUB 5 1\r\n')
  await both(a, 'hidden.x')
  await both(silent, 'hidden.x')
  await noteTraces(s, a, 'traces')
  await noteTraces(s, silent, 'without echo')
  await noteTraces(s, bound, 'bound')
})

differential('a payload that is too large', async (s) => {
  const a = await watched(s, 'a')
  const b = await as(s, 'a')
  b.write(hpub('x', { 'Nats-Trace-Dest': TRACES }, 'x'.repeat(2000)))
  await b.settle()
  await noteTraces(s, a, 'too large')
})

differential('streams of other accounts', async (s) => {
  const a = await watched(s, 'a')
  const [b, c] = [await as(s, 'b'), await as(s, 'c')]
  await b.send('SUB pub.> 1\r\nSUB pub.x q 2\r\n')
  await c.send('SUB from.> 1\r\nSUB from.a.pub.x r 2\r\n')
  for (const subject of ['pub.x', 'pub.y']) {
    await both(a, subject)
    await noteTraces(s, a, subject)
  }
  await noteTraces(s, b, 'b')
  await noteTraces(s, c, 'c')
})

differential('services of other accounts', async (s) => {
  const a = await as(s, 'a')
  const [b, c] = [await watched(s, 'b'), await watched(s, 'c')]
  for (const line of [b, c]) await line.send('SUB inbox.> 1\r\n')
  for (const is of ['without', 'with']) {
    if (is === 'with') await a.send('SUB svc 1\r\nSUB quiet 2\r\nSUB calc.> q 3\r\n')
    for (const subject of ['svc', 'quiet', 'do.1.2', 'do.x']) {
      await both(b, subject)
      await both(b, subject, {}, 'inbox.1')
      await noteTraces(s, b, `${subject} ${is}`)
    }
    await both(c, 'chained', {}, 'inbox.2')
    await noteTraces(s, c, `chained ${is}`)
  }
  for (const frame of await a.take())
    s.note('service', [frame.op, (frame.headers ?? '').replace(/Nats-Request-Info.*|_R_.*/g, '')])
})

differential('answers that are traced', async (s) => {
  const a = await watched(s, 'a')
  const b = await as(s, 'b')
  await a.send('SUB svc 1\r\n')
  await b.send('SUB inbox 1\r\n')
  for (const headers of [{}, ONLY]) {
    await b.send('PUB svc inbox 2\r\nhi\r\n')
    const [request] = (await a.take()).filter(({ op }) => op.endsWith('MSG'))
    const reply = request?.reply ?? ''
    await a.send(traced(reply, headers))
    await noteTraces(s, a, 'answering')
    await noteTraces(s, b, 'answered')
  }
})

differential('the services of the server', async (s) => {
  const a = await watched(s, 'a')
  await a.send('SUB inbox 1\r\n')
  for (const subject of [
    '$JS.API.INFO',
    '$JS.API.CONSUMER.MSG.NEXT.S.C',
    '$JS.API.NONE',
    '$SYS.REQ.USER.INFO',
    '$SYS.REQ.ACCOUNT.PING.CONNZ',
    '$SYS.REQ.ACCOUNT.PING.STATZ',
    '$SYS.REQ.SERVER.PING.CONNZ',
  ]) {
    await a.send(traced(subject, {}, 'inbox', ''), traced(subject, ONLY, 'inbox', ''))
    // What is answered is told in other cases.
    const isAnswer = ({ subject }: Frame): boolean => subject === 'inbox'
    const answers = await noteTraces(s, a, subject, isAnswer)
    s.note('answers', answers.length)
  }
})
