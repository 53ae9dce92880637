/** Clients by WebSocket whose cookies say who they are, and pages of the same origin. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClientOptions, WebSocket } from 'ws'
import type { Server } from '../../src/server/index.ts'
import { accountJwt, newKey, operatorJwt, userJwt } from '../jwts.ts'
import { start } from './support.ts'

const plain = { port: 0, noTls: true }

/** What comes back to CONNECT up to PONG or an error; the status when there is no WebSocket. */
function talk(
  server: Server,
  options: ClientOptions,
  connect: Record<string, unknown> = {},
): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(server.websocketUrl as string, options)
    let heard = ''
    const end = (text: string): void => {
      socket.terminate()
      resolve(text)
    }
    socket.on('error', () => {})
    socket.on('unexpected-response', (_request, response) => end(`${response.statusCode}`))
    socket.on('open', () =>
      socket.send(`CONNECT ${JSON.stringify({ verbose: false, protocol: 1, ...connect })}\r\nPING\r\n`),
    )
    socket.on('message', (data) => {
      heard += data
      if (/"remote_account".*\r\n|-ERR.*\r\n/.test(heard)) end(heard)
    })
    socket.on('close', () => end(heard))
  })
}

const isIn = /PONG/
const isOut = /Authorization Violation/

test('cookies are user and password, or the token, where CONNECT says nothing', async (t) => {
  const cookies = { userCookie: 'who', passCookie: 'secret', tokenCookie: 'ticket' }
  const server = await start(t, {
    websocket: { ...plain, ...cookies },
    users: [
      { user: 'ann', password: 'a b' },
      { user: '__proto__', password: 'p' },
    ],
  })
  const withCookie = (cookie: string, connect = {}) => talk(server, { headers: { cookie } }, connect)
  assert.match(await withCookie('x=1; who=ann; secret="a b"'), isIn)
  assert.match(await withCookie('who=__proto__; secret=p'), isIn)
  // Of two the last counts; what CONNECT says counts more.
  assert.match(await withCookie('who=bob; who=ann; secret=a b'), isIn)
  assert.match(await withCookie('who=bob; secret=x', { user: 'ann', pass: 'a b' }), isIn)
  assert.match(await withCookie('who=ann; secret=a b', { pass: 'wrong' }), isOut)
  for (const cookie of [
    'who=ann',
    'WHO=ann; secret=a b',
    'who=ann; secret=a\\b',
    'secret=a b',
    '=ann',
    'ticket=x',
  ])
    assert.match(await withCookie(cookie), isOut, cookie)
  assert.match(await talk(server, {}), isOut)
  const byToken = await start(t, { websocket: { ...plain, ...cookies }, token: 'T' })
  assert.match(await talk(byToken, { headers: { cookie: 'ticket=T' } }), isIn)
  assert.match(await talk(byToken, { headers: { cookie: 'ticket=t' } }), isOut)
  // Whoever has no cookies by name shows none.
  const without = await start(t, { websocket: plain, token: 'T' })
  assert.match(await talk(without, { headers: { cookie: 'ticket=T; =T; undefined=T' } }), isOut)
})

test('a cookie may be a JWT', async (t) => {
  const [operator, account] = [newKey.operator(), newKey.account()]
  const options = {
    websocket: { ...plain, jwtCookie: 'jwt' },
    operator: {
      operators: [operatorJwt(operator)],
      resolver: { type: 'memory' as const },
      preload: { [account.publicKey]: accountJwt(operator, account) },
    },
  }
  const server = await start(t, options)
  const as = (claims: Record<string, unknown>, head = {}) =>
    talk(server, { headers: { cookie: `jwt=${userJwt(account, newKey.user(), claims, head)}` } })
  assert.match(
    await as({ bearer_token: true }),
    new RegExp(`PONG[^]*"remote_account":"${account.publicKey}"`),
  )
  assert.match(await as({ bearer_token: true, allowed_connection_types: ['WEBSOCKET'] }), isIn)
  // Others have to sign, and nothing else of a JWT is forgotten.
  for (const claims of [
    {},
    { bearer_token: true, allowed_connection_types: ['STANDARD'] },
    { bearer_token: true, src: ['10.0.0.0/8'] },
  ])
    assert.match(await as(claims), isOut, JSON.stringify(claims))
  assert.match(await as({ bearer_token: true }, { exp: 1 }), isOut)
  await assert.rejects(start(t, { websocket: options.websocket }), {
    message:
      'trusted operators or trusted keys configuration is required for JWT authentication via cookie "jwt"',
  })
})

test('a page of the same origin has the same scheme, host and port, said or not', async (t) => {
  const server = await start(t, { websocket: { ...plain, sameOrigin: true } })
  const from = (origin: string, host: string, name = 'Origin') =>
    talk(server, { headers: { host, [name]: origin } })
  for (const [origin, host] of [
    ['http://a.test', 'a.test'],
    ['http://a.test:80', 'a.test'],
    ['http://a.test', 'A.test:80'],
    ['http://a.test:8080', 'a.test:8080'],
    ['http://[::1]:8080', '[::1]:8080'],
  ])
    assert.match(await from(origin, host), isIn, `${origin} ${host}`)
  for (const [origin, host] of [
    ['https://a.test', 'a.test'],
    ['https://a.test', 'a.test:443'],
    ['http://a.test:443', 'a.test'],
    ['http://a.test', 'b.test'],
    ['ftp://a.test', 'a.test'],
    ['null', 'a.test'],
  ]) {
    assert.equal(await from(origin, host), '403', `${origin} ${host}`)
    assert.equal(await from(origin, host, 'Sec-WebSocket-Origin'), '403', `${origin} ${host}`)
  }
})

test('origins without one, as those of files and of programs, are never allowed', async (t) => {
  for (const origin of ['app://one', 'file:///x', 'a.test', 'http://'])
    await assert.rejects(
      start(t, { websocket: { ...plain, allowedOrigins: [origin] } }),
      /unable to parse allowed origin/,
    )
  const server = await start(t, { websocket: { ...plain, allowedOrigins: ['https://a.test:443'] } })
  assert.match(await talk(server, { origin: 'https://a.test' }), isIn)
  assert.equal(await talk(server, { origin: 'app://two' }), '403')
})
