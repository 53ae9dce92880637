/** The system account by the nats command line: each command says of Contrail what it says of nats-server, but for numbers. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { connect } from '@nats-io/transport-node'
import { shape } from './shape.ts'
import { Watched } from './watched.ts'

let theirs: Watched
let ours: Watched
before(async () => {
  theirs = new Watched('nats-server')
  ours = new Watched('contrail')
  await Promise.all([theirs.start(), ours.start()])
})
after(() => Promise.all([theirs.stop(), ours.stop()]))

for (const [user, command] of [
  ['sys', 'server list'],
  ['sys', 'server info one'],
  ['sys', 'server ping --count 1'],
  ['sys', 'server report connections'],
  ['sys', 'server report connections --account A'],
  ['sys', 'server report accounts'],
  ['sys', 'server report jetstream'],
  ['sys', 'server report health'],
  ['sys', 'server report gateways'],
  ['sys', 'server report routes'],
  ['sys', 'server report leafnodes'],
  ['sys', 'server account info A'],
  ['sys', 'server check connection'],
  ['a', 'server check jetstream'],
  ['a', 'account info'],
  ['a', 'account report connections'],
  ['a', 'account report statistics'],
  ['a', 'server list'],
] as const) {
  test(`nats ${command} (as ${user})`, async () => {
    const [wanted, got] = await Promise.all([theirs, ours].map((each) => each.run(user, command.split(' '))))
    // nats-server shows imports in the order of a Go map.
    if (command.includes('account info')) for (const { lines } of [wanted, got]) lines.sort()
    assert.deepEqual(got, wanted)
  })
}

async function ask(watched: Watched, user: string, subject: string, body: string): Promise<string[]> {
  const nc = await connect({ servers: watched.server.url, user, pass: user })
  try {
    const answer = await nc.request(subject.replace('<id>', watched.id), body, { timeout: 2000 })
    // nats-server says in flags what it does among servers; subscriptions of its own differ.
    return [...shape(answer.json())]
      .filter((path) => !/subscriptions_list\[\]\.(qgroup|max)|sync_always/.test(path))
      .sort()
  } finally {
    await nc.close()
  }
}

for (const [user, subject, body = ''] of [
  ['sys', '$SYS.REQ.SERVER.PING'],
  ['sys', '$SYS.REQ.SERVER.<id>.STATSZ'],
  ['sys', '$SYS.REQ.SERVER.<id>.IDZ'],
  ['sys', '$SYS.REQ.SERVER.<id>.VARZ'],
  ['sys', '$SYS.REQ.SERVER.<id>.CONNZ', '{"auth":true,"subscriptions":true}'],
  ['sys', '$SYS.REQ.SERVER.<id>.CONNZ', '{"subscriptions_detail":true,"acc":"A"}'],
  ['sys', '$SYS.REQ.SERVER.<id>.CONNZ', '{"sort":"x"}'],
  ['sys', '$SYS.REQ.SERVER.<id>.CONNZ', '{bad'],
  ['sys', '$SYS.REQ.SERVER.<id>.SUBSZ', '{"subscriptions":true}'],
  ['sys', '$SYS.REQ.SERVER.<id>.JSZ', '{"consumer":true,"config":true}'],
  ['sys', '$SYS.REQ.SERVER.<id>.JSZ', '{"account":"A","accounts":true}'],
  ['sys', '$SYS.REQ.SERVER.<id>.HEALTHZ'],
  ['sys', '$SYS.REQ.SERVER.<id>.HEALTHZ', '{"account":"A","stream":"nope","details":true}'],
  ['sys', '$SYS.REQ.SERVER.<id>.ACCOUNTZ'],
  ['sys', '$SYS.REQ.SERVER.<id>.ACCOUNTZ', '{"account":"A"}'],
  ['sys', '$SYS.REQ.SERVER.<id>.ROUTEZ'],
  ['sys', '$SYS.REQ.SERVER.<id>.GATEWAYZ'],
  ['sys', '$SYS.REQ.SERVER.<id>.LEAFZ'],
  ['sys', '$SYS.REQ.SERVER.<id>.RAFTZ'],
  ['sys', '$SYS.REQ.SERVER.<id>.RELOAD'],
  ['sys', '$SYS.REQ.SERVER.<id>.KICK', '{"cid":99999}'],
  ['sys', '$SYS.REQ.SERVER.<id>.LDM', '{"cid":99999}'],
  ['sys', '$SYS.REQ.ACCOUNT.A.CONNZ'],
  ['sys', '$SYS.REQ.ACCOUNT.A.SUBSZ'],
  ['sys', '$SYS.REQ.ACCOUNT.A.JSZ'],
  ['sys', '$SYS.REQ.ACCOUNT.A.INFO'],
  ['sys', '$SYS.REQ.ACCOUNT.A.CONNS'],
  ['sys', '$SYS.REQ.ACCOUNT.A.STATZ'],
  ['sys', '$SYS.REQ.ACCOUNT.A.LEAFZ'],
  ['sys', '$SYS.REQ.ACCOUNT.NOPE.INFO'],
  ['sys', '$SYS.REQ.ACCOUNT.NOPE.CONNZ'],
  ['sys', '$SYS.REQ.ACCOUNT.PING.STATZ'],
  ['sys', '$SYS.REQ.USER.INFO'],
  ['a', '$SYS.REQ.USER.INFO'],
  ['a', '$SYS.REQ.ACCOUNT.PING.CONNZ'],
  ['a', '$SYS.REQ.ACCOUNT.PING.STATZ'],
  ['a', '$SYS.REQ.SERVER.PING.CONNZ'],
] as const) {
  test(`${subject} ${body} (as ${user}) has the keys of nats-server`, async () => {
    const [wanted, got] = await Promise.all([theirs, ours].map((each) => ask(each, user, subject, body)))
    assert.deepEqual(got, wanted)
  })
}

for (const subject of ['$SYS.REQ.SERVER.PING', '$SYS.REQ.ACCOUNT.A.INFO', '$SYS.REQ.ACCOUNT.$SYS.CONNZ']) {
  test(`${subject} reaches nobody from an ordinary account`, async () => {
    for (const each of [theirs, ours]) await assert.rejects(ask(each, 'a', subject, ''), /no responders/i)
  })
}

test('the same events come to the system account, in the same order', async () => {
  const record = async (watched: Watched): Promise<string[]> => {
    const sys = await connect({ servers: watched.server.url, user: 'sys', pass: 'sys' })
    const events: string[] = []
    const subscription = sys.subscribe('$SYS.ACCOUNT.A.>')
    const refused = sys.subscribe('$SYS.SERVER.*.CLIENT.AUTH.ERR')
    await sys.flush()
    const client = await connect({ servers: watched.server.url, user: 'a', pass: 'a' })
    await client.flush()
    await client.close()
    await assert.rejects(connect({ servers: watched.server.url, user: 'a', pass: 'wrong' }))
    const note = (subject: string, json: unknown) => {
      events.push(subject.replace(watched.id, '<id>'), ...[...shape(json)].sort())
    }
    for await (const message of subscription) {
      note(message.subject, message.json())
      if (message.subject.endsWith('.DISCONNECT')) break
    }
    for await (const message of refused) {
      note(message.subject, message.json())
      break
    }
    await sys.close()
    return events
  }
  const [wanted, got] = await Promise.all([record(theirs), record(ours)])
  assert.deepEqual(got, wanted)
})
