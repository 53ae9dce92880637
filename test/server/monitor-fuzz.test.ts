import assert from 'node:assert/strict'
import { connect as connectSocket } from 'node:net'
import { test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { Dice } from '../core/fakes.ts'
import { start } from './support.ts'

/** A request takes so much longer than a chunk of the protocol: a share of what is asked for by FUZZ_ROUNDS. */
const ROUNDS = Math.max(400, Math.floor(Number(process.env.FUZZ_ROUNDS ?? 0) / 30))
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_127)

const PATHS = [
  '/',
  '/varz',
  '/connz',
  '/subsz',
  '/subscriptionsz',
  '/jsz',
  '/healthz',
  '/nope',
  '//',
  '/varz/',
]
const NAMES =
  `sort auth subs offset limit cid state user acc test accounts streams consumers config details js-enabled
  js-enabled-only js-server-only account stream consumer __proto__ constructor`.split(/\s+/)
const WORDS = [
  ...Object.getOwnPropertyNames(Object.prototype),
  ...'0 1 -1 -0 +1 true false True detail open closed any cid subs msgs_to bytes_from stop reason rtt idle'.split(
    ' ',
  ),
  ...'9007199254740993 9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809'.split(
    ' ',
  ),
  ...'18446744073709551615 18446744073709551616 99999999999999999999999999 1e9 0x10 NaN Infinity 1.5'.split(
    ' ',
  ),
  ...[
    '',
    ' ',
    '$G',
    '$SYS',
    'S',
    'C',
    '>',
    'foo.>',
    'foo.x',
    'a..b',
    '%',
    '%zz',
    '%00',
    '%ff',
    '%0d%0aX:%201',
    '%2e%2e',
  ],
  ...[
    '%E2%80%AE',
    '\u00e4',
    '"',
    "'",
    '<b>',
    '[',
    ']',
    '{',
    '}',
    '\\',
    '..',
    '#',
    ';',
    '&',
    '=',
    '0'.repeat(400),
  ],
] as const

function target(dice: Dice): string {
  let path = dice.pick(PATHS) as string
  const kind = dice.roll(12)
  if (kind === 0) path += `/${dice.pick(WORDS)}`
  else if (kind === 1) path = `/${dice.pick(WORDS)}${path}`
  else if (kind === 2) path = `http://${dice.pick(WORDS)}${path}`
  else if (kind === 3)
    path = path.replace(/./g, (c) => (dice.roll(6) === 0 ? String.fromCharCode(33 + dice.roll(94)) : c))
  const parameters = Array.from({ length: dice.roll(5) }, () => `${dice.pick(NAMES)}=${dice.pick(WORDS)}`)
  return (parameters.length === 0 ? path : `${path}?${parameters.join('&')}`).replaceAll(' ', '%20')
}

interface Answer {
  status: number
  head: string
  body: string
}

function ask(port: number, method: string, url: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => {
      const text = Buffer.concat(chunks).toString()
      const [head, ...rest] = text.split('\r\n\r\n')
      resolve({ status: Number(/^HTTP\/1\.1 (\d+) /.exec(head)?.[1]), head, body: rest.join('\r\n\r\n') })
    })
    socket.write(`${method} ${url} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  })
}

test(`${ROUNDS} requests for anything are answered, and nothing fails`, async (t) => {
  const failures: string[] = []
  const server = await start(t, {
    port: 0,
    monitorPort: 0,
    jetstream: true,
    logger: { log: (level, text) => void (level === 'error' && failures.push(text)) },
  })
  const client = await server.connect({ name: '__proto__' })
  client.subscribe('foo.*')
  client.subscribe('constructor', { queue: '__proto__' })
  const manager = await jetstreamManager(client)
  await manager.streams.add({ name: '__proto__', subjects: ['toString', 'a.>'] })
  await manager.consumers.add('__proto__', { durable_name: 'constructor' })
  const gone = await server.connect({ name: 'gone' })
  await gone.close()
  const dice = new Dice(SEED)
  const statuses = new Map<number, number>()
  for (let round = 0; round < ROUNDS; round++) {
    const url = target(dice)
    const method = dice.pick(['GET', 'GET', 'GET', 'HEAD', 'POST'])
    const { status, head, body } = await ask(server.monitorPort as number, method, url)
    const about = `${method} ${url}, round ${round} seed ${SEED}: ${head} ${failures.join()}`
    assert.ok([200, 307, 400, 404].includes(status), about)
    assert.deepEqual(failures, [], about)
    if (head.includes('application/json') && method !== 'HEAD')
      assert.doesNotThrow(() => JSON.parse(body), about)
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  assert.equal(statuses.size, 4, [...statuses.keys()].join())
  await client.flush()
  await client.close()
})
