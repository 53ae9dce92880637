/** What JWTs say of message tracing and of the latency of services. */
import { accountJwt, newKey, operatorJwt, type TestKey, userJwt } from '../../../jwts.ts'
import { login } from '../credentials.ts'
import { differential, type Line, type Session, serversWith } from '../harness.ts'
import { hpub, noteTraces, ONLY, TRACES, traced } from '../traced.ts'

const SAMPLED = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const operator = newKey.operator()
const [system, exporter, importer] = Array.from({ length: 3 }, newKey.account)
const user = newKey.user()

const from = { account: exporter.publicKey }
const accounts = {
  [system.publicKey]: accountJwt(operator, system),
  [exporter.publicKey]: accountJwt(operator, exporter, {
    trace: { dest: TRACES, sampling: 100 },
    exports: [
      { name: 'all', subject: 'all.>', type: 'stream' },
      { name: 'loud', subject: 'loud', type: 'service', allow_trace: true },
      { name: 'quiet', subject: 'quiet', type: 'service' },
      {
        name: 'measured',
        subject: 'measured',
        type: 'service',
        service_latency: { sampling: 100, results: 'lat.measured' },
      },
      {
        name: 'asked',
        subject: 'asked',
        type: 'service',
        service_latency: { sampling: 'headers', results: 'lat.asked' },
      },
    ],
  }),
  [importer.publicKey]: accountJwt(operator, importer, {
    trace: { dest: TRACES },
    imports: [
      { name: '1', subject: 'all.a', type: 'stream', local_subject: 'here', allow_trace: true, ...from },
      { name: '2', subject: 'all.b', type: 'stream', local_subject: 'there', ...from },
      ...['loud', 'quiet', 'measured', 'asked'].map((name) => ({
        name,
        subject: name,
        type: 'service',
        ...from,
      })),
    ],
  }),
}

serversWith({
  flags: [],
  config: `
operator: "${operatorJwt(operator)}"
system_account: ${system.publicKey}
resolver: MEMORY
resolver_preload: {
  ${Object.entries(accounts)
    .map(([key, jwt]) => `${key}: "${jwt}"`)
    .join('\n  ')}
}
`,
})

async function enter(s: Session, name: string, account: TestKey): Promise<Line> {
  const line = await s.open(name, ({ nonce }) =>
    login({ jwt: userJwt(account, user), sig: user.sign(`${nonce}`), verbose: false }),
  )
  await line.send(`SUB ${TRACES} 900\r\n`)
  return line
}

differential('traces through streams and services', async (s) => {
  const out = await enter(s, 'exporter', exporter)
  const into = await enter(s, 'importer', importer)
  await into.send('SUB here 1\r\nSUB there 2\r\nSUB inbox 3\r\n')
  await out.send('SUB loud 1\r\nSUB quiet 2\r\n')
  for (const only of [ONLY, {}]) {
    await out.send(traced('all.a', only), traced('all.b', only))
    await into.send(traced('loud', only, 'inbox'), traced('quiet', only, 'inbox'))
    await noteTraces(s, into, 'importer')
    await noteTraces(s, out, 'exporter', ({ subject }) => subject === 'loud' || subject === 'quiet')
  }
  for (const line of [out, into]) {
    await line.send(hpub('nobody', { traceparent: SAMPLED }))
    await noteTraces(s, line, 'traceparent')
  }
})

differential('latency of services', async (s) => {
  const out = await enter(s, 'exporter', exporter)
  const into = await enter(s, 'importer', importer)
  await out.send('SUB lat.> 3\r\n')
  await into.send('SUB inbox 3\r\n')
  await into.send('PUB measured inbox 2\r\nhi\r\nPUB asked inbox 2\r\nhi\r\nPUB quiet inbox 2\r\nhi\r\n')
  await into.send(hpub('asked', { traceparent: SAMPLED }, 'hi', 'inbox'))
  for (const { payload } of await out.take()) {
    const { status, header, requestor } = JSON.parse(payload?.startsWith('{') ? payload : '{}')
    s.note('metric', [status, header, requestor && Object.keys(requestor)])
  }
})
