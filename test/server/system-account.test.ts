import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import { S2Decoder } from '../../src/archive/index.ts'
import type { Bus } from '../../src/core/index.ts'
import type { Server } from '../../src/server/index.ts'
import { eventually } from './program.ts'
import { start } from './support.ts'

// biome-ignore lint/suspicious/noExplicitAny: the answers are JSON of many shapes, and the tests look into them
type Json = any

/** What users of the system account would see and ask: no user of it is needed here. */
class Insider {
  private readonly account
  private asked = 0

  constructor(server: Server) {
    this.account = (server as unknown as { bus: Bus }).bus.account('$SYS')
  }

  ask(subject: string, body: unknown = '', prefix = '$SYS.REQ'): Promise<Json> {
    const inbox = `_INBOX.insider.${++this.asked}`
    return new Promise((resolve) => {
      const subscription = this.account.subscribe(inbox, {
        onMessage: ({ body, bodyStart, bodyEnd }) => {
          subscription.unsubscribe()
          resolve(JSON.parse(body.toString('utf8', bodyStart, bodyEnd)))
        },
      })
      this.account.publishText(
        `${prefix}.${subject}`,
        typeof body === 'string' ? body : JSON.stringify(body),
        inbox,
      )
    })
  }

  /** Events of a subject from now on. */
  listen(subject: string): { subject: string; event: Json }[] {
    const events: { subject: string; event: Json }[] = []
    this.account.subscribe(subject, {
      onMessage: (message) => {
        const text = message.body.toString('utf8', message.bodyStart, message.bodyEnd)
        const name = message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
        events.push({ subject: name, event: JSON.parse(text) })
      },
    })
    return events
  }
}

async function setUp(t: TestContext, options = {}) {
  const server = await start(t, { port: 0, name: 'one', jetstream: true, tags: ['a', 'b'], ...options })
  const client = await connect({ servers: server.url, name: 'watched' })
  t.after(() => client.close())
  await client.flush()
  return { server, client, insider: new Insider(server) }
}

const PAGES =
  'VARZ SUBSZ CONNZ ROUTEZ GATEWAYZ LEAFZ ACCOUNTZ JSZ HEALTHZ PROFILEZ EXPVARZ IPQUEUESZ RAFTZ'.split(' ')

test('every page of a server is answered, to all and by its id', async (t) => {
  const { server, insider } = await setUp(t)
  for (const whose of ['PING', server.id]) {
    for (const page of PAGES) {
      const { server: from, data, error } = await insider.ask(`SERVER.${whose}.${page}`)
      assert.deepEqual(
        [from.id, from.name, from.tags, from.jetstream],
        [server.id, 'one', ['a', 'b'], true],
        page,
      )
      assert.equal(error, undefined, page)
      assert.equal(typeof data, 'object', page)
    }
    assert.deepEqual(await insider.ask(`SERVER.${whose}.IDZ`), {
      name: 'one',
      host: '127.0.0.1',
      id: server.id,
    })
    assert.equal((await insider.ask(`SERVER.${whose}.STATSZ`)).statsz.connections, 1)
  }
  assert.equal((await insider.ask('SERVER.PING')).statsz.active_servers, 1)
})

test('options are those of nats-server, and mistakes in them are told', async (t) => {
  const { server, client, insider } = await setUp(t)
  client.subscribe('foo.>')
  await client.flush()
  const connz = async (options: unknown) => (await insider.ask(`SERVER.${server.id}.CONNZ`, options)).data
  const [shown] = (await connz({ subscriptions: true, auth: true })).connections
  assert.deepEqual([shown.subscriptions_list, shown.name_tag], [['foo.>'], '$G'])
  const [detailed] = (await connz({ subscriptions_detail: true })).connections
  assert.equal(detailed.subscriptions_list_detail[0].subject, 'foo.>')
  assert.equal((await connz({ state: 1 })).total, 0)
  assert.equal((await connz({ filter_subject: 'foo.bar', acc: '$G' })).total, 1)
  assert.equal((await connz({ filter_subject: 'bar', acc: '$G' })).total, 0)
  const bad = await insider.ask(`SERVER.${server.id}.CONNZ`, '{bad')
  assert.equal(bad.error.code, 400)
  const sort = await insider.ask(`SERVER.${server.id}.CONNZ`, { sort: 'x' })
  assert.deepEqual([sort.data, sort.error], [null, { code: 500, description: 'invalid sorting option: x' }])
})

test('who is not meant does not answer', async (t) => {
  const { insider } = await setUp(t)
  for (const options of [
    { server_name: 'other' },
    { tags: ['c'] },
    { cluster: 'x' },
    { domain: 'x' },
    { host: 'h' },
  ]) {
    let answered = false
    void insider.ask('SERVER.PING.VARZ', options).then(() => {
      answered = true
    })
    // Whoever is meant answers this one, after the other was read.
    await insider.ask('SERVER.PING.VARZ', { server_name: 'on', tags: ['a'] })
    assert.equal(answered, false, JSON.stringify(options))
  }
})

test('accounts are asked for by their names', async (t) => {
  const { insider } = await setUp(t)
  for (const page of ['CONNZ', 'SUBSZ', 'LEAFZ', 'JSZ', 'INFO', 'STATZ']) {
    const { data, error } = await insider.ask(`ACCOUNT.$G.${page}`)
    assert.equal(error, undefined, page)
    assert.equal(typeof data, 'object', page)
  }
  assert.equal((await insider.ask('ACCOUNT.$G.CONNS')).conns, 1)
  assert.equal((await insider.ask('ACCOUNT.PING.STATZ')).data.account_statz[0].acc, '$G')
  const { data, error } = await insider.ask('ACCOUNT.NOPE.INFO')
  assert.deepEqual([data, error], [null, { code: 500, description: 'Account NOPE does not exist' }])
})

test('everybody may ask about themselves, and about nothing else', async (t) => {
  const { client } = await setUp(t)
  const ask = async (subject: string) => (await client.request(`$SYS.REQ.${subject}`)).json() as Json
  assert.deepEqual((await ask('USER.INFO')).data, { user: '[none]', account: '$G', account_name: '$G' })
  for (const subject of ['ACCOUNT.PING.CONNZ', 'SERVER.PING.CONNZ'])
    assert.equal((await ask(subject)).data.connections[0].name, 'watched')
  assert.equal((await ask('ACCOUNT.PING.STATZ')).data.account_statz[0].conns, 1)
  for (const subject of ['SERVER.PING', 'SERVER.PING.VARZ', 'ACCOUNT.$G.INFO', 'ACCOUNT.$SYS.INFO'])
    await assert.rejects(ask(subject), /no responders/i)
})

test('an account that says it is another one still sees itself only', async (t) => {
  const server = await start(t, { accounts: { A: { users: [user('a')] }, B: { users: [user('b')] } } })
  const [a, b] = [await server.connect({ user: 'a' }), await server.connect({ user: 'b' })]
  await a.flush()
  for (const subject of ['ACCOUNT.PING.CONNZ', 'SERVER.PING.CONNZ', 'ACCOUNT.PING.STATZ']) {
    for (const named of [
      '"acc":"x","account":"A"',
      '"account":"A","acc":"A"',
      '"account":"A"',
      '"acc":"A"',
    ]) {
      const answer = (await b.request(`$SYS.REQ.${subject}`, `{${named},"auth":true}`)).string()
      const names = [...answer.matchAll(/"(?:acc|account)":"(.*?)"/g)].map(([, name]) => name)
      assert.deepEqual([...new Set(names)], ['B'], `${subject} ${named}`)
    }
  }
})

const user = (name: string) => ({ user: name, password: name })

test('a client is kicked, and told to leave', async (t) => {
  const { server, client, insider } = await setUp(t)
  const told: string[] = []
  void (async () => {
    for await (const status of client.status()) told.push(status.type)
  })()
  const cid = client.info?.client_id
  await insider.ask(`SERVER.${server.id}.LDM`, { cid })
  await eventually(
    () => told.includes('ldm'),
    () => `${told}`,
  )
  const { error } = await insider.ask(`SERVER.${server.id}.KICK`, { cid })
  assert.equal(error, undefined)
  await eventually(
    () => told.includes('disconnect'),
    () => `${told}`,
  )
  const nobody = await insider.ask(`SERVER.${server.id}.KICK`, { cid: 9999 })
  assert.deepEqual(nobody.error, { code: 500, description: 'no such client or leafnode id' })
  const ldm = await insider.ask(`SERVER.${server.id}.LDM`, { cid: 9999 })
  assert.deepEqual(ldm.error, { code: 500, description: 'no such client id' })
})

test('a reload is carried out, or why not is told', async (t) => {
  const { server, insider } = await setUp(t)
  assert.equal((await insider.ask(`SERVER.${server.id}.RELOAD`)).error.code, 500)
  let reloads = 0
  server.reloadSource = () => {
    reloads++
  }
  assert.equal((await insider.ask(`SERVER.${server.id}.RELOAD`)).error, undefined)
  assert.equal(reloads, 1)
})

test('who is turned away, lame duck mode and the end are told', async (t) => {
  const server = await start(t, { port: 0, name: 'one', token: 'secret' })
  const insider = new Insider(server)
  const events = insider.listen('$SYS.SERVER.>')
  await assert.rejects(connect({ servers: server.url, token: 'wrong', name: 'stranger' }), /Authorization/i)
  const [{ subject, event }] = events
  assert.equal(subject, `$SYS.SERVER.${server.id}.CLIENT.AUTH.ERR`)
  assert.equal(event.type, 'io.nats.server.advisory.v1.client_disconnect')
  assert.deepEqual([event.reason, event.client.name], ['Authentication Failure', 'stranger'])
  assert.doesNotMatch(JSON.stringify(event), /wrong|secret/)
  await server.lameDuck()
  assert.deepEqual(
    events.slice(-2).map((each) => each.subject),
    [`$SYS.SERVER.${server.id}.LAMEDUCK`, `$SYS.SERVER.${server.id}.SHUTDOWN`],
  )
})

test('comings and goings in an account are told', async (t) => {
  const server = await start(t, { port: 0 })
  const bus = (server as unknown as { bus: Bus }).bus
  // Whoever comes is in account A.
  bus.changeAuthenticator({ isRequired: false, authenticate: () => ({ account: 'A', user: 'u' }) })
  const events = new Insider(server).listen('$SYS.ACCOUNT.A.>')
  const client: NatsConnection = await connect({ servers: server.url, name: 'one' })
  client.publish('x', 'abc')
  await client.flush()
  await client.close()
  const last = () => events.length === 4
  await eventually(last, () => JSON.stringify(events))
  assert.deepEqual(
    events.map(({ subject }) => subject.slice('$SYS.ACCOUNT.A.'.length)),
    ['SERVER.CONNS', 'CONNECT', 'SERVER.CONNS', 'DISCONNECT'],
  )
  const [first, connected, after, gone] = events.map(({ event }) => event)
  assert.deepEqual([first.conns, after.conns, after.total_conns], [1, 0, 0])
  assert.deepEqual([connected.client.user, connected.client.acc, connected.client.name], ['u', 'A', 'one'])
  assert.deepEqual(
    [gone.reason, gone.sent, gone.received],
    ['Client Closed', { msgs: 1, bytes: 3 }, { msgs: 0, bytes: 0 }],
  )
})

test('answers are packed as the request wants them', async (t) => {
  const { client } = await setUp(t)
  const ask = async (accepted: string, subject = '$SYS.REQ.SERVER.PING.CONNZ', body = '') => {
    const wanted = headers()
    wanted.set('Accept-Encoding', accepted)
    const { data, headers: head } = await client.request(subject, body, { timeout: 2000, headers: wanted })
    return { data: Buffer.from(data), encoding: head?.get('Content-Encoding') }
  }
  const of = (bytes: Buffer): unknown => JSON.parse(bytes.toString()).data.num_connections
  const packed = await ask('gzip, deflate')
  assert.deepEqual([packed.encoding, of(gunzipSync(packed.data))], ['gzip', 1])
  for (const accepted of ['snappy', 'gzip, S2']) {
    const { encoding, data } = await ask(accepted)
    const parts: Buffer[] = []
    new S2Decoder((bytes) => parts.push(bytes)).write(data)
    assert.deepEqual([encoding, of(Buffer.concat(parts))], ['snappy', 1])
    assert.equal(data.toString('latin1', 4, 10), 'sNaPpY')
  }
  const plain = await ask('br')
  assert.deepEqual([plain.encoding, of(plain.data)], ['identity', 1])
  const bad = await ask('gzip', '$SYS.REQ.SERVER.PING.CONNZ', '{bad')
  assert.deepEqual([bad.encoding, JSON.parse(bad.data.toString()).error.code], [undefined, 400])
})

test('all streams of an account are purged for the system account', async (t) => {
  const { client, insider } = await setUp(t)
  const manager = await jetstreamManager(client)
  for (const name of ['A', 'B']) await manager.streams.add({ name, subjects: [name] })
  const purge = (account: string) => insider.ask(`ACCOUNT.PURGE.${account}`, '', '$JS.API')
  assert.deepEqual(await purge('NOPE'), {
    type: 'io.nats.jetstream.api.v1.account_purge_response',
    initiated: true,
  })
  assert.equal((await purge('a/b')).error.err_code, 10051)
  assert.equal((await manager.getAccountInfo()).streams, 2)
  assert.equal((await purge('$G')).initiated, true)
  assert.equal((await manager.getAccountInfo()).streams, 0)
  await manager.streams.add({ name: 'A', subjects: ['A'] })
  await assert.rejects(client.request('$JS.API.ACCOUNT.PURGE.$G', '', { timeout: 200 }))
})
