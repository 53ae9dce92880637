/** Answers of the JetStream API and events against nats.io's JSON schemas: each schema has its answer, which has the fields that nats-server's has. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { Ajv } from 'ajv'
import { type Kind, PeerServer, root } from './servers.ts'
import { shape } from './shape.ts'

/** They lie beside the repository. */
const FOLDER = join(root, '..', 'shared', 'reference', 'schemas')
const QUIET_MS = 400
const MS = 1_000_000

const config = `
accounts {
  $SYS { users [ { user: sys, password: sys } ] }
  A { jetstream: enabled, users [ { user: a, password: a } ] }
}
`
const consumer = {
  durable_name: 'C',
  ack_policy: 'explicit',
  ack_wait: 100 * MS,
  max_deliver: 1,
  sample_freq: '100',
}
const sampled = { durable_name: 'A', ack_policy: 'explicit', sample_freq: '100' }
const pinned = {
  durable_name: 'P',
  ack_policy: 'explicit',
  priority_groups: ['g'],
  priority_policy: 'pinned_client',
  priority_timeout: 10_000 * MS,
}
const later = '2040-01-01T00:00:00Z'

/** Requests of the JetStream API, in their order; and messages, where the subject is no verb of it. */
const REQUESTS: readonly (readonly [subject: string, body?: unknown])[] = [
  ['INFO'],
  ['STREAM.CREATE.S', { name: 'S', subjects: ['s.>'], allow_atomic: true, metadata: { a: 'b' } }],
  ['STREAM.CREATE.S', { name: 'S', subjects: ['other'] }],
  ['STREAM.UPDATE.S', { name: 'S', subjects: ['s.>'], allow_atomic: true, description: 'text' }],
  ['STREAM.UPDATE.NONE', { name: 'NONE' }],
  ['STREAM.CREATE.M', { name: 'M', mirror: { name: 'S' } }],
  ['STREAM.CREATE.Q', { name: 'Q', sources: [{ name: 'S', filter_subject: 's.a' }] }],
  ['STREAM.CREATE.W', { name: 'W', subjects: ['w'] }],
  ['CONSUMER.CREATE.S.C', { stream_name: 'S', config: consumer }],
  ['CONSUMER.CREATE.S.BAD', { stream_name: 'S', config: { ...consumer, ack_policy: 'x' } }],
  ['CONSUMER.CREATE.S.A', { stream_name: 'S', config: sampled }],
  ['CONSUMER.CREATE.S.P', { stream_name: 'S', config: pinned }],
  [
    'CONSUMER.CREATE.S.D',
    { stream_name: 'S', config: { durable_name: 'D', deliver_subject: 'd', ack_policy: 'none' } },
  ],
  ['> s.a', 'hello'],
  ['> s.b', 'hello'],
  ['> s.a', 'hello'],
  ['STREAM.INFO.S', { subjects_filter: '>', deleted_details: true }],
  ['STREAM.INFO.M'],
  ['STREAM.INFO.Q'],
  ['STREAM.INFO.NONE'],
  ['STREAM.LIST'],
  ['STREAM.LIST', { offset: 100 }],
  ['STREAM.NAMES'],
  ['STREAM.MSG.GET.S', { seq: 1 }],
  ['STREAM.MSG.GET.S', { seq: 99 }],
  ['STREAM.MSG.DELETE.S', { seq: 2 }],
  ['STREAM.MSG.DELETE.S', { seq: 99 }],
  ['CONSUMER.INFO.S.C'],
  ['CONSUMER.INFO.S.P'],
  ['CONSUMER.INFO.S.NONE'],
  ['CONSUMER.LIST.S'],
  ['CONSUMER.NAMES.S'],
  ['CONSUMER.LIST.NONE'],
  ['CONSUMER.NAMES.NONE'],
  ['CONSUMER.RESET.S.D', { seq: 1 }],
  ['CONSUMER.CREATE.S.N', { stream_name: 'S', config: { ...consumer, durable_name: 'N' } }],
  ['> pull N', '{"batch":1}'],
  ['> pull N', '{"batch":1}'],
  ['> pull A', '{"batch":1}'],
  ['> pull P', '{"batch":1,"group":"g"}'],
  ['CONSUMER.UNPIN.S.P', { group: 'g' }],
  ['CONSUMER.PAUSE.S.C', { pause_until: later }],
  ['CONSUMER.PAUSE.S.C', {}],
  ['CONSUMER.PAUSE.S.NONE', {}],
  ['CONSUMER.UNPIN.S.P', { group: 'none' }],
  ['CONSUMER.UNPIN.S.NONE', { group: 'g' }],
  ['STREAM.PURGE.W'],
  ['STREAM.PURGE.NONE'],
  ['STREAM.SNAPSHOT.W', { deliver_subject: 'snapshot' }],
  ['STREAM.SNAPSHOT.NONE', { deliver_subject: 'snapshot' }],
  ['STREAM.RESTORE.NEW', { config: { name: 'NEW', subjects: ['new'] }, state: {} }],
  ['STREAM.RESTORE.S', { config: { name: 'S', subjects: ['s.>'] }, state: {} }],
  ['STREAM.PEER.REMOVE.S', { peer: 'x' }],
  ['STREAM.PEER.EVACUATE.S', { peer: 'x' }],
  ['STREAM.CANCEL_MOVE.S'],
  ['STREAM.LEADER.STEPDOWN.S'],
  ['CONSUMER.LEADER.STEPDOWN.S.C'],
  ['CONSUMER.PEER.EVACUATE.S.C', { peer: 'x' }],
  ['CONSUMER.DELETE.S.C'],
  ['CONSUMER.DELETE.S.C'],
  ['STREAM.DELETE.W'],
  ['STREAM.DELETE.W'],
]

/** Answers and events that belong to clusters, to the system account alone, or to a disk that is full. */
const ELSEWHERE: ReadonlySet<string> = new Set(
  `meta_leader_stepdown_response meta_rescue_response meta_server_evacuate_response meta_server_remove_response
  api_limit_reached consumer_leader_elected consumer_quorum_lost domain_leader_elected server_out_of_space server_removed
  stream_leader_elected stream_quorum_lost stream_batch_abandoned restore_complete`.split(/\s+/),
)

/** What a server answered and told, by the last part of its type. */
type Samples = Map<string, unknown[]>

async function samples(kind: Kind): Promise<Samples> {
  const found: Samples = new Map()
  const keep = (value: unknown, otherwise = ''): void => {
    const { type = otherwise } = value as { type?: string }
    const name = type.slice(type.lastIndexOf('.') + 1)
    if (name !== '') found.set(name, [...(found.get(name) ?? []), value])
  }
  const server = await new PeerServer(kind, { config }).start()
  try {
    const client = await connect({ servers: server.url, user: 'a', pass: 'a' })
    const system = await connect({ servers: server.url, user: 'sys', pass: 'sys' })
    const told = { callback: (_: unknown, message: { json(): unknown }) => keep(message.json()) }
    client.subscribe('$JS.EVENT.>', told)
    system.subscribe('$SYS.ACCOUNT.A.>', told)
    // Parts of a backup are flow controlled.
    client.subscribe('snapshot', { callback: (_, message) => void message.respond() })
    await Promise.all([client.flush(), system.flush()])
    for (const [subject, body] of REQUESTS) {
      await ask(client, subject, body, keep).catch((error: Error) => {
        throw new Error(`${kind} on ${subject} ${JSON.stringify(body)}: ${error.message}`)
      })
    }
    keep((await system.request('$JS.API.ACCOUNT.PURGE.NOPE', '', { timeout: 3000 })).json())
    const other = await connect({ servers: server.url, user: 'a', pass: 'a' })
    await other.close()
    await new Promise((done) => setTimeout(done, QUIET_MS))
    await Promise.all([client.close(), system.close()])
  } finally {
    await server.dispose()
  }
  return found
}

async function ask(
  client: NatsConnection,
  subject: string,
  body: unknown,
  keep: (value: unknown, otherwise?: string) => void,
): Promise<void> {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  const [, pull] = /^> pull (\w+)$/.exec(subject) ?? []
  if (pull !== undefined) {
    // It comes on its own subject, which an inbox for many requests does not know.
    const options = { timeout: 3000, noMux: true }
    const message = await client.request(`$JS.API.CONSUMER.MSG.NEXT.S.${pull}`, text, options)
    client.publish(message.reply ?? '', ({ A: '+ACK', N: '-NAK', P: '+TERM why' } as const)[pull as 'A'])
    return
  }
  const isMessage = subject.startsWith('> ')
  const to = isMessage ? subject.slice(2) : `$JS.API.${subject}`
  const answer = await client.request(to, text, { timeout: 3000 })
  keep(answer.json(), isMessage ? 'pub_ack_response' : '')
}

/** Whether something of an origin has come by then. */
const OF_THE_MOMENT = /(sources\[\]|mirror)\.(seq|lag|active) /

const isHere = existsSync(FOLDER)
let real: Samples
let ours: Samples
before(async () => {
  if (isHere) [real, ours] = await Promise.all([samples('nats-server'), samples('contrail')])
})
const ajv = new Ajv({ strict: false, allErrors: true })
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/)

/** What a schema says against samples, each once; without the places in lists. */
function mistakes(schema: object, values: readonly unknown[]): string[] {
  const { $id: _, ...unnamed } = schema as { $id?: string }
  const validate = ajv.compile(unnamed)
  const found = values.flatMap((value) => {
    if (validate(value)) return []
    return (validate.errors ?? []).map(
      ({ instancePath, keyword, params }) =>
        `${instancePath.replace(/\/\d+/g, '[]')} ${keyword} ${JSON.stringify(params)}`,
    )
  })
  return [...new Set(found)].sort()
}

const folders = ['jetstream/api/v1', 'jetstream/advisory/v1', 'jetstream/metric/v1', 'server/advisory/v1']
for (const folder of isHere ? folders : []) {
  for (const file of readdirSync(join(FOLDER, ...folder.split('/')))) {
    const name = file.replace(/\.json$/, '')
    const isAnswer = !folder.includes('/api/') || name.endsWith('_response')
    if (!isAnswer || ELSEWHERE.has(name)) continue
    test(`${folder}/${name} says of Contrail what it says of nats-server`, () => {
      const schema = JSON.parse(readFileSync(join(FOLDER, ...folder.split('/'), file), 'utf8'))
      const [theirs = [], mine = []] = [real.get(name), ours.get(name)]
      assert.ok(
        theirs.length > 0 && mine.length > 0,
        `${theirs.length} of nats-server, ${mine.length} of Contrail`,
      )
      assert.deepEqual(mistakes(schema, mine), mistakes(schema, theirs))
      const keys = (values: readonly unknown[]): string[] =>
        [...values.reduce<Set<string>>((all, each) => shape(each, '', all), new Set())]
          .filter((key) => !OF_THE_MOMENT.test(key))
          .sort()
      assert.deepEqual(keys(mine), keys(theirs))
    })
  }
}

test('there are schemas', { skip: isHere ? false : 'they are not beside the repository' }, () => {
  assert.ok(ours.size > 30, `${ours.size} types`)
})
