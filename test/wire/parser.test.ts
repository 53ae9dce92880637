import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Message, type Operations, Parser, type ProtocolFailure } from '../../src/wire/index.ts'

class Recorder implements Operations {
  readonly maxPayloadBytes = 1024
  readonly maxControlLineBytes = 64
  mayOperate = true
  acceptsHeaders = true
  readonly seen: string[] = []
  readonly parser = new Parser(this)

  onConnect(json: string): void {
    this.mayOperate = true
    this.seen.push(`connect ${json}`)
  }
  onPublish(message: Message): void {
    const subject = message.subject.toString('latin1', message.subjectStart, message.subjectEnd)
    const reply = message.reply.toString('latin1', message.replyStart, message.replyEnd)
    const body = message.body.toString('latin1', message.bodyStart, message.bodyEnd)
    this.seen.push(`pub ${subject}|${reply}|${message.headerLength}|${body}`)
    if (message.wireEnd === 0) return
    const sizes = message.headerLength > 0 ? `${message.headerLength} ${body.length}` : `${body.length}`
    const wire = message.body.toString('latin1', message.wireStart, message.wireEnd).replace(' 007', ' 7')
    assert.equal(wire, `${reply === '' ? '' : `${reply} `}${sizes}\r\n${body}\r\n`)
  }
  onPublishWithHeaders(message: Message): void {
    this.onPublish(message)
  }
  onSubscribe(subject: string, queue: string, sid: string): void {
    this.seen.push(`sub ${subject}|${queue}|${sid}`)
  }
  onUnsubscribe(sid: string, max: number): void {
    this.seen.push(`unsub ${sid}|${max}`)
  }
  onPing(): void {
    this.seen.push('ping')
  }
  onPong(): void {
    this.seen.push('pong')
  }
  onPayloadTooLarge(size: number): void {
    this.seen.push(`too large ${size}`)
  }
  onFailure(failure: ProtocolFailure): void {
    this.seen.push(`fail ${failure.text}|${failure.closeReason}`)
  }
  onUnauthenticated(): boolean {
    this.seen.push('unauthenticated')
    return false
  }
}

function parse(...chunks: string[]): string[] {
  const recorder = new Recorder()
  for (const chunk of chunks) recorder.parser.parse(Buffer.from(chunk, 'latin1'))
  return recorder.seen
}

const UNKNOWN = 'fail Unknown Protocol Operation|Protocol Violation'
const SILENT = 'fail |Protocol Violation'
const TOO_LONG = 'fail maximum control line exceeded|Maximum Control Line Exceeded'

const valid: [string, string[]][] = [
  ['PUB foo 2\r\nhi\r\n', ['pub foo||0|hi']],
  ['pub\tfoo  bar\t2 \r\nhi\r\n', ['pub foo|bar|0|hi']],
  ['PUB foo 0\r\n\r\nPING\r\n', ['pub foo||0|', 'ping']],
  ['PUB foo bar 007\r\nhi\r\nyou\r\n', ['pub foo|bar|0|hi\r\nyou']],
  ['PUB foo 2\nhi\r\n', ['pub foo||0|hi']],
  ['HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n', ['pub foo||12|NATS/1.0\r\n\r\nhi']],
  ['hpub foo  r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n', ['pub foo|r|12|NATS/1.0\r\n\r\nhi']],
  ['HPUB foo 0 2\r\nhi\r\n', ['pub foo||0|hi']],
  ['SUB foo 1\r\nsub foo q 2\r\nSUB a\r1\r\n', ['sub foo||1', 'sub foo|q|2', 'sub a||1']],
  [
    'UNSUB 1\r\nUNSUB 1 5\r\nunsub 1 x\r\nUNSUB 1 1234567890\r\n',
    ['unsub 1|-1', 'unsub 1|5', 'unsub 1|-1', 'unsub 1|-1'],
  ],
  ['PING\r\nping whatever\nPONG\r\n', ['ping', 'ping', 'pong']],
  ['CONNECT {"a":1}\r\nconnect{}\r\n', ['connect {"a":1}', 'connect {}']],
  ['+OK\r\nINFO {}\r\nINFO{}\r\nPING\r\n', ['ping']],
  [
    `PUB foo 3\r\na\nb\r\nPUB foo 130\r\n${'x'.repeat(130)}\r\n`,
    ['pub foo||0|a\nb', `pub foo||0|${'x'.repeat(130)}`],
  ],
  [`PUB${' '.repeat(300)}foo 2\r\nhi\r\n`, ['pub foo||0|hi']],
  ['SUB \nfoo 1\r\n', ['sub foo||1']],
]

const invalid: [string, string[]][] = [
  ['FOO\r\n', [UNKNOWN]],
  ['\r\n', [UNKNOWN]],
  ['PX', [UNKNOWN]],
  ['PUB\r\n', [UNKNOWN]],
  ['PUBfoo 2\r\n', [UNKNOWN]],
  ['MSG foo 1 2\r\n', [UNKNOWN]],
  ['RS+ a\r\n', [UNKNOWN]],
  ['PUB foo 2\r\nhix', [UNKNOWN]],
  ['PUB foo 2\r\nhi\rx', [UNKNOWN]],
  ['PUB foo 2\r\nhi\nPING\r\n', [UNKNOWN]],
  ['PUB foo\r\n', [SILENT]],
  ['PUB a b c 2\r\n', [SILENT]],
  ['PUB \r\n', [SILENT]],
  ['PUB foo -1\r\n', [SILENT]],
  ['PUB foo 1e3\r\n', [SILENT]],
  ['PUB foo 9999999999\r\n', [SILENT]],
  ['PUB foo 1025\r\n', ['too large 1025']],
  ['PUB foo 999999999\r\n', ['too large 999999999']],
  ['HPUB foo 2\r\n', [SILENT]],
  ['HPUB foo 15 14\r\n', [SILENT]],
  ['HPUB foo x 14\r\n', [SILENT]],
  ['HPUB foo 1 x\r\n', [SILENT]],
  ['SUB foo\r\n', [SILENT]],
  ['SUB a b c d\r\n', [SILENT]],
  ['SUB \r\n', [SILENT]],
  ['UNSUB \r\n', [SILENT]],
  ['UNSUB 1 2 3\r\n', [SILENT]],
  ['-ERR oh\r\n', ['fail |Parse Error']],
  [`PUB ${'a'.repeat(70)} 2\r\nhi\r\n`, [TOO_LONG]],
  [`SUB ${'a'.repeat(70)} 2\r\n`, [TOO_LONG]],
  [`CONNECT ${'a'.repeat(90)}`, [TOO_LONG]],
]

test('every operation is reported', () => {
  for (const [text, expected] of valid) assert.deepEqual(parse(text), expected, JSON.stringify(text))
})

test('what is wrong ends the connection with its own text', () => {
  for (const [text, expected] of invalid) assert.deepEqual(parse(text), expected, JSON.stringify(text))
  for (const [text, expected] of invalid)
    assert.deepEqual(parse(`${text}PING\r\n`), expected, JSON.stringify(text))
})

test('where the chunks are cut makes no difference', () => {
  const whole = valid.map(([text]) => text).join('')
  const expected = valid.flatMap(([, seen]) => seen)
  for (let cut = 1; cut < whole.length; cut++) {
    assert.deepEqual(parse(whole.slice(0, cut), whole.slice(cut)), expected, `cut at ${cut}`)
  }
  for (const [text, seen] of [...valid, ...invalid]) {
    assert.deepEqual(parse(...text), seen, `byte by byte: ${JSON.stringify(text)}`)
    for (let cut = 1; cut < text.length; cut++) {
      assert.deepEqual(
        parse(text.slice(0, cut), text.slice(cut)),
        seen,
        `${JSON.stringify(text)} cut at ${cut}`,
      )
    }
  }
})

test('nothing but CONNECT is taken before it where credentials are asked for', () => {
  for (const text of ['PING\r\n', 'P', 'FOO\r\n', '\r\n']) {
    const recorder = new Recorder()
    recorder.mayOperate = false
    recorder.parser.parse(Buffer.from(text))
    assert.deepEqual(recorder.seen, ['unauthenticated'], text)
  }
  const recorder = new Recorder()
  recorder.mayOperate = false
  recorder.parser.parse(Buffer.from('CONNECT {}\r\nPING\r\n'))
  assert.deepEqual(recorder.seen, ['connect {}', 'ping'])
})

test('headers are refused from a client that did not ask for them', () => {
  const recorder = new Recorder()
  recorder.acceptsHeaders = false
  recorder.parser.parse(Buffer.from('HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\r\nPING\r\n'))
  assert.deepEqual(recorder.seen, [SILENT])
})

test('the same buffer may be read into again and again', () => {
  const recorder = new Recorder()
  const chunk = Buffer.alloc(7)
  const text = 'SUB foo 1\r\nPUB foo bar 5\r\nhello\r\nPING\r\nHPUB a b 12 14\r\nNATS/1.0\r\n\r\nhi\r\n'
  for (let at = 0; at < text.length; at += 7) {
    const length = chunk.write(text.slice(at, at + 7), 'latin1')
    recorder.parser.parse(chunk.subarray(0, length))
    chunk.fill(0)
  }
  assert.deepEqual(recorder.seen, [
    'sub foo||1',
    'pub foo|bar|0|hello',
    'ping',
    'pub a|b|12|NATS/1.0\r\n\r\nhi',
  ])
})

test('what comes while the parser is held is kept, but not without end', () => {
  const recorder = new Recorder()
  const { parser, seen } = recorder
  recorder.onConnect = () => parser.hold()
  parser.parse(Buffer.from('CONNECT {}\r\nPING\r\n'))
  parser.parse(Buffer.from('PONG\r\n'))
  assert.deepEqual(seen, [])
  parser.release()
  assert.deepEqual(seen, ['ping', 'pong'])
  parser.parse(Buffer.from('CONNECT {}\r\n'))
  for (let i = 0; i < 10; i++) parser.parse(Buffer.alloc(64 * 1024, 'PING\r\n'))
  parser.release()
  assert.deepEqual(seen.slice(2), ['fail |Protocol Violation'])
})
