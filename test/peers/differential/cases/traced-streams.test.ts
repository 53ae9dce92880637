/** Message tracing (ADR-41) of messages that streams take. */
import { differential, type Line, type Session, serversWith } from '../harness.ts'
import { hpub, noteTraces, ONLY, TRACES, traced } from '../traced.ts'

serversWith({ flags: ['-js'] })

async function stream(s: Session, config: Record<string, unknown>): Promise<Line> {
  await s.api(`STREAM.CREATE.${config.name}`, { storage: 'memory', ...config })
  const line = await s.open('client')
  await line.send(`SUB ${TRACES} 1\r\nSUB inbox 2\r\n`)
  return line
}

/** Publishes one by one, each traced only and then delivered, and notes what comes of it. */
async function publish(
  s: Session,
  line: Line,
  subject: string,
  headers: Readonly<Record<string, string>> = {},
  body = 'hi',
): Promise<void> {
  for (const only of [ONLY, {}]) {
    await line.send(hpub(subject, { 'Nats-Trace-Dest': TRACES, ...headers, ...only }, body, 'inbox'))
    await noteTraces(s, line, `${subject} ${JSON.stringify(headers)}`)
  }
}

differential('what a stream stores, and what it does not', async (s) => {
  const line = await stream(s, { name: 'S', subjects: ['s.*'], max_msg_size: 200, allow_direct: true })
  await line.send('SUB s.* 3\r\n')
  await publish(s, line, 's.a')
  await publish(s, line, 's.a', {}, 'x'.repeat(300))
  await line.send('PUB s.b 2\r\nhi\r\n', traced('s.b'), traced('s.b', ONLY))
  await noteTraces(s, line, 'without a reply')
  for (const { headers, payload } of await s.messagesOf('S'))
    s.note('stored', [headers?.replace(/Nats-Time-Stamp.*/, ''), payload])
})

differential('a subject that the stream maps, and other names of the header', async (s) => {
  const line = await stream(s, {
    name: 'M',
    subjects: ['m.*'],
    allow_direct: true,
    subject_transform: { src: 'm.*', dest: 'n.$1' },
  })
  await publish(s, line, 'm.a')
  const raw = 'NATS/1.0\r\nA: b\r\nNats-Trace-Dest:traces\r\nB:c\r\n\r\n'
  await line.send(`HPUB m.b ${raw.length} ${raw.length + 2}\r\n${raw}hi\r\n`)
  await noteTraces(s, line, 'without a space')
  for (const { headers, payload } of await s.messagesOf('M'))
    s.note('stored', [headers?.replace(/Nats-Time-Stamp.*/, ''), payload])
})

differential('why a stream refuses a message', async (s) => {
  const line = await stream(s, { name: 'S', subjects: ['s.*'], allow_rollup_hdrs: false })
  await line.send(hpub('s.a', { 'Nats-Msg-Id': 'one' }))
  for (const headers of [
    { 'Nats-Msg-Id': 'one' },
    { 'Nats-Expected-Stream': 'T' },
    { 'Nats-Expected-Last-Sequence': '7' },
    { 'Nats-Expected-Last-Subject-Sequence': '8' },
    { 'Nats-Expected-Last-Msg-Id': 'two' },
    { 'Nats-TTL': '1s' },
    { 'Nats-TTL': 'x' },
    { 'Nats-Rollup': 'sub' },
    { 'Nats-Rollup': 'some' },
    { 'Nats-Incr': '1' },
    { 'Nats-Schedule': '@at 2030-01-01T00:00:00Z' },
  ])
    await publish(s, line, 's.a', headers as unknown as Record<string, string>)
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s.*'], storage: 'memory', sealed: true })
  await publish(s, line, 's.a')
})

differential('a rollup of something else', async (s) => {
  const line = await stream(s, { name: 'R', subjects: ['r.*'], allow_rollup_hdrs: true })
  await publish(s, line, 'r.a', { 'Nats-Rollup': 'some' })
  await publish(s, line, 'r.a', { 'Nats-Rollup': 'sub' })
})

differential('a stream that is full', async (s) => {
  const line = await stream(s, { name: 'F', subjects: ['f.*'], max_msgs: 1, discard: 'new' })
  await line.send('PUB f.a 2\r\nhi\r\n')
  await publish(s, line, 'f.b')
  const bytes = await stream(s, { name: 'G', subjects: ['g.*'], max_bytes: 100, discard: 'new' })
  await publish(s, bytes, 'g.b')
  const each = await stream(s, {
    name: 'H',
    subjects: ['h.*'],
    max_msgs_per_subject: 1,
    discard: 'new',
    discard_new_per_subject: true,
  })
  await each.send('PUB h.a 2\r\nhi\r\n')
  await publish(s, each, 'h.a')
})

differential('a message that no consumer wants', async (s) => {
  const line = await stream(s, { name: 'I', subjects: ['i.*'], retention: 'interest' })
  await publish(s, line, 'i.a')
  await s.api('CONSUMER.CREATE.I.C', {
    stream_name: 'I',
    config: { name: 'C', durable_name: 'C', filter_subject: 'i.b', ack_policy: 'explicit' },
  })
  await publish(s, line, 'i.a')
  await publish(s, line, 'i.b')
})

differential('counters', async (s) => {
  const line = await stream(s, { name: 'N', subjects: ['n.*'], allow_msg_counter: true })
  await publish(s, line, 'n.a', { 'Nats-Incr': '5' }, '')
  await publish(s, line, 'n.a', { 'Nats-Incr': '+2' }, '')
  await publish(s, line, 'n.a', {}, '')
})

differential('nats trace', async (s) => {
  await s.nats('stream add S --subjects s.> --defaults --storage memory')
  const other = await s.open('other')
  await other.send('SUB s.> 1\r\nSUB s.a q 2\r\nSUB x 3\r\n')
  for (const flags of ['', '--deliver', '--deliver -H A:b']) {
    await s.nats(`trace s.a hello ${flags}`)
    await s.nats(`trace x ${flags}`)
    await s.nats(`trace nobody ${flags}`)
  }
  await s.nats('stream info S --json')
  s.note('delivered', (await other.take()).filter(({ op }) => op.endsWith('MSG')).length)
})
