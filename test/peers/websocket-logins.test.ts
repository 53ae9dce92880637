/** Cookies and origins of WebSocket: who is let in, compared with nats-server. */
import assert from 'node:assert/strict'
import { connect as connectSocket } from 'node:net'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { accountJwt, newKey, operatorJwt, userJwt } from '../jwts.ts'
import { freePort, PeerServer } from './servers.ts'

const WAIT_MS = 10_000
const [operator, account] = [newKey.operator(), newKey.account()]
const jwt = (claims = {}): string => userJwt(account, newKey.user(), claims)
const cookies = 'user_cookie: who, pass_cookie: secret, token_cookie: ticket'

interface Attempt {
  readonly headers: Record<string, string>
  readonly connect?: Record<string, unknown>
}

const cookie = (text: string, connect = {}): Attempt => ({ headers: { cookie: text }, connect })
const page = (origin: string, host: string): Attempt => ({ headers: { origin, host } })

const groups: Readonly<Record<string, { config: string; more: string; attempts: Attempt[] }>> = {
  'user and password': {
    config: 'authorization { users: [ { user: ann, password: "a b" } ] }',
    more: cookies,
    attempts: [
      'who=ann; secret="a b"',
      'who=ann;secret=a b',
      ' who = ann ; secret = a b ',
      'who=bob; who=ann; secret=a b',
      'who=ann; secret=a b; who=bob',
      'who="ann"; secret="a b',
      'who=ann; secret=a\\ b',
      'WHO=ann; secret=a b',
      'who=ann; ticket=a b',
      'who; secret',
      '=ann; =a b',
    ]
      .map((text) => cookie(text))
      .concat([
        cookie('who=bob; secret=a b', { user: 'ann' }),
        cookie('who=ann; secret=a b', { user: 'bob' }),
        cookie('who=ann; secret=a b', { pass: 'x' }),
        cookie('who=ann; secret=a b', { auth_token: 'x' }),
      ]),
  },
  token: {
    config: 'authorization { token: T }',
    more: cookies,
    attempts: [
      cookie('ticket=T'),
      cookie('ticket=t'),
      cookie('who=T'),
      cookie('ticket=x', { auth_token: 'T' }),
    ],
  },
  JWTs: {
    config: `operator: "${operatorJwt(operator)}"\nresolver: MEMORY\nresolver_preload: { ${account.publicKey}: "${accountJwt(operator, account)}" }`,
    more: 'jwt_cookie: j',
    attempts: [
      cookie(`j=${jwt({ bearer_token: true })}`),
      cookie(`j=${jwt()}`),
      cookie(`j=${jwt({ bearer_token: true, allowed_connection_types: ['STANDARD'] })}`),
      cookie(`j=${jwt({ bearer_token: true }).slice(0, -3)}`),
      cookie(`j=${jwt({ bearer_token: true })}`, { jwt: 'x' }),
      cookie('j=', { jwt: jwt({ bearer_token: true }) }),
    ],
  },
  'the same origin': {
    config: '',
    more: 'same_origin: true',
    attempts: [
      page('http://a.test', 'a.test'),
      page('http://a.test:80', 'a.test'),
      page('http://A.test', 'a.test:80'),
      page('https://a.test', 'a.test'),
      page('https://a.test:80', 'a.test'),
      page('https://a.test', 'a.test:443'),
      page('http://a.test:443', 'a.test'),
      page('http://a.test:8080', 'a.test:8080'),
      page('http://a.test', 'b.test'),
      page('http://a.test.b.test', 'a.test'),
      page('ftp://a.test', 'a.test'),
      page('null', 'a.test'),
    ],
  },
  'allowed origins': {
    config: '',
    more: 'allowed_origins: [ "https://a.test", "http://b.test:8080" ]',
    attempts: [
      'https://a.test',
      'https://a.test:443',
      'http://a.test',
      'http://b.test:8080',
      'http://b.test',
      'app://x',
    ].map((origin) => page(origin, 'a.test')),
  },
}

/** The status, or what CONNECT and PING are answered with. */
function attempt(port: number, { headers, connect = {} }: Attempt): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers })
    let heard = ''
    const end = (text: string): void => {
      socket.terminate()
      resolve(text)
    }
    socket.on('error', () => {})
    socket.on('unexpected-response', (_request, response) => end(`${response.statusCode}`))
    socket.on('open', () =>
      socket.send(Buffer.from(`CONNECT ${JSON.stringify({ verbose: false, ...connect })}\r\nPING\r\n`)),
    )
    socket.on('message', (data) => {
      heard += data
      const found = /PONG|-ERR.*/.exec(heard)
      if (found !== null) end(found[0].trim())
    })
    socket.on('close', () => end(heard))
  })
}

/** The port for WebSocket may be open a moment later than the other. */
async function listens(port: number): Promise<void> {
  for (const end = Date.now() + WAIT_MS; Date.now() < end; ) {
    const isOpen = await new Promise((resolve) => {
      const socket = connectSocket(port, '127.0.0.1', () => resolve(true))
      socket.on('connect', () => socket.destroy())
      socket.on('error', () => resolve(false))
    })
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

for (const [name, { config, more, attempts }] of Object.entries(groups))
  test(`who is let in by WebSocket: ${name}`, async (t) => {
    const sides = await Promise.all(
      (['nats-server', 'contrail'] as const).map(async (kind) => {
        const port = await freePort()
        const webSocket = `websocket { listen: "127.0.0.1:${port}", no_tls: true, ${more} }`
        const server = new PeerServer(kind, { flags: [], config: `${config}\n${webSocket}\n` })
        t.after(() => server.dispose())
        await server.start()
        await listens(port)
        const outcomes: string[] = []
        for (const each of attempts) outcomes.push(await attempt(port, each))
        return outcomes
      }),
    )
    const shown = (outcomes: string[]) =>
      outcomes.map((each, at) => `${JSON.stringify(attempts[at].headers).slice(0, 80)}: ${each}`)
    assert.deepEqual(shown(sides[1]), shown(sides[0]))
    assert.ok(sides[0].includes('PONG'))
  })
