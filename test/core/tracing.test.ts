import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleOf } from '../../src/core/imports/latency-sample.ts'
import { connectShares, type ExportDefinition, type ImportDefinition } from '../../src/core/index.ts'
import { mayBeTraced, readTraceHeaders } from '../../src/core/tracing/trace-headers.ts'
import { Message } from '../../src/wire/index.ts'
import { Dice, fakeBus } from './fakes.ts'

const SAMPLED = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

function hpub(subject: string, lines: string, body = 'hi'): string {
  const head = `NATS/1.0\r\n${lines}\r\n`
  return `HPUB ${subject} ${head.length} ${head.length + body.length}\r\n${head}${body}\r\n`
}

const traced = (subject: string, more = ''): string => hpub(subject, `Nats-Trace-Dest: t\r\n${more}`)

interface Trace {
  request: { msgsize: number }
  events: Record<string, unknown>[]
}

/** Of what a client was sent: the bodies of the messages on subject `t`. */
function traces(sent: string): Trace[] {
  return [...sent.matchAll(/MSG t \S+ \d+\r\n(.*)\r\n/g)].map(([, json]) => JSON.parse(json))
}

test('only lines that begin with the name of a header of tracing count', () => {
  const may = (lines: string): boolean => {
    const bytes = Buffer.from(`NATS/1.0\r\n${lines}\r\nNats-Trace-Dest: payload`)
    return mayBeTraced(bytes, 0, 'NATS/1.0\r\n'.length + lines.length + 2)
  }
  assert.equal(may('Nats-Trace-Dest: a\r\n'), true)
  assert.equal(may('A: b\r\nTRACEPARENT:x\r\n'), true)
  assert.equal(may('A: Nats-Trace-Dest: a\r\n'), false)
  assert.equal(may('nats-trace-dest: a\r\n'), false)
  assert.equal(may('Nats-Trace-Dest2: a\r\ntraceparents: b\r\n'), false)
  assert.equal(may('Nats-Trace'), false)
  assert.equal(may(''), false)
})

test('wherever such a line stands, and whatever is around it, it is found', () => {
  const dice = new Dice(7)
  const pieces = [
    'Nats-Trace-Dest:',
    'traceparent:',
    'TraceParent:',
    '\r\n',
    '\n',
    'Nats-',
    'Trace',
    'a',
    'parent:',
    ': x',
  ]
  let found = 0
  for (let i = 0; i < 20_000; i++) {
    let lines = ''
    for (let n = dice.roll(12); n > 0; n--) lines += dice.pick(pieces)
    const text = `NATS/1.0\r\n${lines}`
    const bytes = Buffer.from(`before\nNats${text}\nNats-Trace-Dest: behind`)
    const expected = /\n(Nats-Trace-Dest|[Tt]race[Pp]arent):/.test(text)
    if (expected) found++
    assert.equal(mayBeTraced(bytes, 11, 11 + text.length), expected, JSON.stringify(text))
  }
  assert.ok(found > 1000)
})

test('the sampled bit of traceparent decides, and a destination goes before it', () => {
  const read = (lines: string) => readTraceHeaders(Buffer.from(`NATS/1.0\r\n${lines}\r\n`))
  assert.equal(read(`traceparent: ${SAMPLED}\r\n`)?.isExternal, true)
  assert.equal(read(`traceparent: ${SAMPLED.slice(0, -1)}0\r\n`), null)
  assert.equal(read(`traceparent: ${SAMPLED}\r\nNats-Trace-Dest: a\r\n`)?.isExternal, false)
  assert.equal(read('Nats-Trace-Dest: trace disabled\r\n'), null)
  assert.deepEqual(read('b: 1\r\nNats-Trace-Dest:  x \r\na: 2\r\nb: 3\r\n')?.headers, {
    'Nats-Trace-Dest': ['x'],
    a: ['2'],
    b: ['1', '3'],
  })
})

test('headers as long as a message may be hold nobody up', () => {
  const long = {
    'lines of one name': 'a: 1\r\n'.repeat(160_000),
    'lines of many names': Array.from({ length: 60_000 }, (_, i) => `name-${i}: 1\r\n`).join(''),
    'blanks within a value': `a: b${' '.repeat(1_000_000)}c\r\n`,
  }
  for (const [what, lines] of Object.entries(long)) {
    const body = Buffer.from(`NATS/1.0\r\nNats-Trace-Dest: t\r\n${lines}\r\n`)
    const message = new Message(body)
    message.headerLength = body.length
    message.bodyEnd = body.length
    const begunMs = performance.now()
    assert.equal(readTraceHeaders(body)?.destination, 't')
    assert.equal(sampleOf({ subject: 'x', sampling: 0 }, message), null)
    // A copy for each line would take minutes.
    assert.ok(performance.now() - begunMs < 5000, what)
  }
})

test('a traced message is delivered and told; one that is traced only is told alone', () => {
  const { client } = fakeBus()
  const watcher = client()
  watcher.say('SUB t 1\r\n')
  const listener = client()
  listener.say('SUB a.* 1\r\nSUB a.b q 2\r\n')
  watcher.say(traced('a.b'))
  assert.equal(listener.take().match(/HMSG/g)?.length, 2)
  const [delivered] = traces(watcher.take() + watcher.say(traced('a.b', 'Nats-Trace-Only: true\r\n')))
  assert.equal(listener.take(), '')
  assert.equal(listener.session.outMessages, 2)
  const types = delivered?.events.map(({ type }) => type)
  assert.deepEqual(types, ['in', 'eg', 'eg'])
})

test('headers that come in pieces are seen as well', () => {
  const { client } = fakeBus()
  const watcher = client()
  watcher.say('SUB t 1\r\n')
  const bytes = traced('nobody')
  let sent = ''
  for (const byte of bytes) sent += watcher.say(byte)
  const [trace] = traces(sent)
  assert.equal(trace.events.length, 1)
  assert.equal(trace.events[0].subj, 'nobody')
})

test('a message of a service whose export allows no trace is not traced there, and one to be traced only ends', () => {
  const { bus, clock, client } = fakeBus({
    authenticator: {
      isRequired: true,
      authenticate: ({ options }) => ({ account: options.user, user: options.user }),
    },
  })
  const shared = (subject: string, allowTrace: boolean): ExportDefinition => ({
    kind: 'service',
    subject,
    accounts: null,
    accountTokenPosition: 0,
    responseType: 'singleton',
    responseThresholdMs: 1000,
    allowTrace,
    latency: { sampling: 100, subject: `lat.${subject}` },
  })
  const wanted = (subject: string): ImportDefinition => ({
    kind: 'service',
    account: 'A',
    subject,
    to: subject,
    share: false,
  })
  connectShares(bus, [
    { name: 'A', exports: [shared('loud', true), shared('quiet', false)], imports: [] },
    { name: 'B', exports: [], imports: [wanted('loud'), wanted('quiet')] },
  ])
  const service = client({ user: 'A' })
  service.say('SUB loud 1\r\nSUB quiet 2\r\nSUB lat.> 3\r\n')
  const asking = client({ user: 'B' })
  asking.say('SUB t 1\r\nSUB inbox 2\r\n')
  const only = 'Nats-Trace-Only: 1\r\n'
  assert.deepEqual(
    ['loud', 'quiet'].map((subject) =>
      traces(asking.say(traced(subject, only)))[0].events.map(({ type }) => type),
    ),
    [
      ['in', 'si', 'eg'],
      ['in', 'si'],
    ],
  )
  service.take()
  asking.say(traced('loud'))
  const request = service.take()
  assert.match(request, /Nats-Trace-Dest: _R_\./)
  assert.doesNotMatch(request, /Nats-Trace-Dest: t\r/)
  asking.say(traced('quiet'))
  assert.match(service.take(), /Nats-Trace-Dest: trace disabled\r/)
  // What is measured ends by itself.
  asking.say('PUB loud inbox 2\r\nhi\r\n')
  assert.doesNotMatch(service.take(), /"status"/)
  clock.advance(1001)
  assert.match(service.take(), /"status":504,"description":"Service Timeout"/)
  asking.say('PUB loud inbox 2\r\nhi\r\nUNSUB 2\r\n')
  assert.match(service.take(), /"status":408,"description":"Request Timeout"/)
  clock.advance(2000)
  assert.doesNotMatch(service.take(), /"status"/)
})
