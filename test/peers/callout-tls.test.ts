/** Auth callout where clients come by TLS: a service learns of both servers the same about certificates, and answers alike. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { makeJwt, newKey } from '../jwts.ts'
import { PeerServer, root } from './servers.ts'

const folder = join(root, 'test', 'server', 'certificates')
const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
const issuer = newKey.account()
const config = `
tls { cert_file: "${folder}/server.pem", key_file: "${folder}/server.key", ca_file: "${folder}/ca.pem", VERIFY }
accounts { AUTH { users: [ { user: auth, password: p } ] }, APP {} }
authorization { auth_callout { issuer: ${issuer.publicKey}, account: AUTH, auth_users: [ auth ] } }
`
const variants = [config.replace('VERIFY', 'verify: true'), config.replace(', VERIFY', '')]

interface Request {
  readonly iss: string
  readonly nats: {
    readonly user_nkey: string
    readonly client_tls: { version: string; cipher: string; certs?: string[]; verified_chains?: string[][] }
  }
}

const servers: PeerServer[] = []
before(async () => {
  for (const variant of variants)
    for (const kind of ['nats-server', 'contrail'] as const)
      servers.push(new PeerServer(kind, { flags: [], config: variant }))
  await Promise.all(servers.map((server) => server.start()))
})
after(() => Promise.all(servers.map((server) => server.dispose())))

function enter({ port }: PeerServer, user: string, pass: string): Promise<NatsConnection> {
  const tls = { ca: read('ca.pem'), cert: read('ann.pem'), key: read('ann.key') }
  return connect({ servers: `localhost:${port}`, user, pass, tls, reconnect: false, timeout: 5000 })
}

/** Lets in who says `right`, as a user that may publish to `a` alone. */
function serve(service: NatsConnection, asked: Request[]): void {
  service.subscribe('$SYS.REQ.USER.AUTH', {
    callback: (_, message) => {
      const request = JSON.parse(
        Buffer.from(message.string().split('.')[1], 'base64url').toString(),
      ) as Request & {
        nats: { connect_opts: { pass: string } }
      }
      asked.push(request)
      const { user_nkey: user, connect_opts: options } = request.nats
      const jwt = makeJwt(
        issuer,
        user,
        { type: 'user', subs: -1, data: -1, payload: -1, pub: { allow: ['a'] } },
        { aud: 'APP', name: 'ann' },
      )
      const answer = options.pass === 'right' ? { jwt } : { error: 'wrong password' }
      message.respond(
        makeJwt(issuer, user, { type: 'authorization_response', ...answer }, { aud: request.iss }),
      )
    },
  })
}

/** What was asked, and whether who was right and who was wrong got in. */
async function play(server: PeerServer): Promise<unknown> {
  const service = await enter(server, 'auth', 'p')
  const asked: Request[] = []
  serve(service, asked)
  await service.flush()
  const client = await enter(server, 'ann', 'right')
  const refused = await enter(server, 'ann', 'wrong').then(
    () => 'let in',
    (error: Error) => error.message,
  )
  const violation = new Promise((resolve) => {
    void (async () => {
      for await (const { type, error } of client.status() as AsyncIterable<{ type: string; error?: Error }>)
        if (type === 'error') return resolve(error?.message)
    })()
  })
  client.publish('b')
  const said = await violation
  await Promise.all([client.close(), service.close()])
  return {
    refused,
    said,
    tls: asked.map(({ nats }) => {
      const { version, cipher, certs, verified_chains: chains, ...rest } = nats.client_tls
      const names = (list: string[]): string[] => list.map((pem) => new X509Certificate(pem).subject)
      // Which cipher it is the two of them decide by tastes of their own.
      return {
        version,
        cipher: cipher.startsWith('TLS_'),
        certs: certs && names(certs),
        chains: chains?.map(names),
        rest,
      }
    }),
  }
}

for (const [at, what] of ['certificates are asked for', 'nobody asks for certificates'].entries())
  test(`a service is told of the TLS of who comes: ${what}`, async () => {
    const [theirs, ours] = await Promise.all([play(servers[2 * at]), play(servers[2 * at + 1])])
    assert.deepEqual(ours, theirs)
    assert.match(JSON.stringify(ours), /"version":"1.3"/)
  })
