/** How long services of other accounts take: what is told, of which requests, and of those that fail. */
import { differential, type Line, type Session, serversWith } from '../harness.ts'
import { as, hpub } from '../traced.ts'

serversWith({
  flags: [],
  config: `
accounts {
  A {
    users: [ { user: a, password: p } ]
    exports: [
      { service: "svc", latency: "lat.svc" }
      { service: "told", latency: "lat.told" }
      { service: "slow", latency: { sampling: "100%", subject: "lat.slow" }, response_threshold: "300ms" }
      { service: "asked", latency: { sampling: headers, subject: "lat.asked" } }
      { service: "wild.*", latency: { sampling: 100, subject: "lat.wild" } }
      { service: "many", response: stream }
    ]
  }
  B {
    users: [ { user: b, password: p } ]
    imports: [
      { service: { account: A, subject: "svc" } }
      { service: { account: A, subject: "told" }, share: true }
      { service: { account: A, subject: "slow" } }
      { service: { account: A, subject: "asked" } }
      { service: { account: A, subject: "wild.x" } }
    ]
    exports: [ { service: "svc" } ]
  }
  C {
    users: [ { user: c, password: p } ]
    imports: [ { service: { account: B, subject: "svc" }, to: "chained" } ]
  }
}
`,
})

async function service(s: Session): Promise<[service: Line, watch: Line, client: Line]> {
  const [a, watch, b] = [
    await as(s, 'a', { lang: 'go', version: '1.2' }),
    await as(s, 'a'),
    await as(s, 'b', { lang: 'node', version: '3' }),
  ]
  await watch.send('SUB lat.> 1\r\n')
  await b.send('SUB inbox.> 1\r\n')
  return [a, watch, b]
}

/** Notes metrics with what varies by its type alone. */
async function noteMetrics(s: Session, watch: Line, what: string): Promise<void> {
  const frames = (await watch.take()).filter(({ op }) => op.endsWith('MSG'))
  s.note(
    what,
    frames.map(({ subject, payload }) => [subject, keyed(JSON.parse(payload ?? ''))]),
  )
}

const VARYING = new Set(['id', 'timestamp', 'start', 'rtt', 'server', 'host'])
const DURATIONS = new Set(['service', 'total'])

function keyed(metric: Record<string, unknown>): unknown[] {
  return Object.entries(metric).map(([key, value]) => {
    if (key === 'system') return key
    if (VARYING.has(key)) return `${key}: ${typeof value}`
    if (DURATIONS.has(key)) return `${key}: ${(value as number) > 0}`
    if (typeof value === 'object' && value !== null && key !== 'header')
      return [key, keyed(value as Record<string, unknown>)]
    return [key, value]
  })
}

/** Answers the requests that have come. */
async function answer(line: Line): Promise<void> {
  const requests = (await line.take()).filter(({ op }) => op.endsWith('MSG'))
  for (const { reply } of requests) await line.send(`PUB ${reply} 2\r\nok\r\n`)
}

differential('who asks is told as far as it is shared', async (s) => {
  const [a, watch, b] = await service(s)
  await a.send('SUB svc 1\r\nSUB told 3\r\nSUB wild.* 2\r\n')
  for (const subject of ['svc', 'told', 'wild.x']) {
    await b.send(`PUB ${subject} inbox.1 2\r\nhi\r\n`)
    await answer(a)
    await noteMetrics(s, watch, subject)
    await b.settle()
  }
})

differential('nobody answers, nobody serves, nobody waits, nobody is to be answered', async (s) => {
  const [a, watch, b] = await service(s)
  await b.send('PUB svc inbox.1 2\r\nhi\r\n')
  await noteMetrics(s, watch, 'no service')
  await a.send('SUB svc 1\r\nSUB told 3\r\nSUB slow 2\r\n')
  await b.send('PUB svc 2\r\nhi\r\n')
  await noteMetrics(s, watch, 'no reply')
  await b.send('SUB other 2\r\nPUB svc other 2\r\nhi\r\nUNSUB 2\r\n')
  await noteMetrics(s, watch, 'not awaited')
  const gone = await as(s, 'b')
  await gone.send('SUB gone 2\r\nPUB told gone 2\r\nhi\r\n')
  gone.close()
  await noteMetrics(s, watch, 'gone')
  await b.send('PUB slow inbox.1 2\r\nhi\r\n')
  await new Promise((resolve) => setTimeout(resolve, 700))
  await noteMetrics(s, watch, 'too late')
})

differential('headers ask for it', async (s) => {
  const [a, watch, b] = await service(s)
  await a.send('SUB asked 1\r\n')
  const all: Record<string, string>[] = [
    {},
    { 'Uber-Trace-Id': '479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:1', 'Uberctx-X': 'y', Other: 'z' },
    { 'uber-trace-id': '479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:3' },
    { 'Uber-Trace-Id': '479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:0' },
    { 'X-B3-Sampled': '1', 'X-B3-TraceId': 'a', 'X-B3-ParentSpanId': 'b', 'X-B3-SpanId': 'c' },
    { 'X-B3-Sampled': '0', 'X-B3-TraceId': 'a' },
    { 'X-B3-TraceId': 'a' },
    { b3: '80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90' },
    { B3: '0' },
    { B3: 'a-b-0' },
    { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'a=b' },
    { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00' },
    { traceparent: '00-1-01' },
  ]
  for (const headers of all) {
    await b.send(hpub('asked', headers, 'hi', 'inbox.1'))
    await answer(a)
    await noteMetrics(s, watch, JSON.stringify(headers))
  }
})

differential('through two accounts', async (s) => {
  const [a, watch] = await service(s)
  const c = await as(s, 'c')
  await a.send('SUB svc 1\r\n')
  await c.send('SUB inbox 1\r\nPUB chained inbox 2\r\nhi\r\n')
  await answer(a)
  await noteMetrics(s, watch, 'chained')
  await c.settle()
})
