/** Commands of the nats command line that ask the server or an account: each says of Contrail what it says of nats-server, but for numbers. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Kvm } from '@nats-io/kv'
import { Program } from './clients/program.ts'
import { natsCli } from './servers.ts'
import { shape } from './shape.ts'
import { Watched } from './watched.ts'

const both = [new Watched('nats-server'), new Watched('contrail')]
before(async () => {
  await Promise.all(both.map((each) => each.start()))
  await Promise.all(
    both.map(async ({ client }) => {
      if (client === null) return
      await (await new Kvm(client).create('BUCKET')).put('key', 'value')
      client.subscribe('echo', { callback: (_, message) => void message.respond(message.data) })
      await client.flush()
    }),
  )
})
after(() => Promise.all(both.map((each) => each.stop())))

const commands: readonly (readonly [user: string, command: string])[] = [
  ['sys', 'server info'],
  ['sys', 'server info nope'],
  ['sys', 'server report cpu'],
  ['sys', 'server report mem'],
  ['sys', 'server report downgrade 0'],
  ['sys', 'server report jetstream --account A'],
  ['sys', 'server report connections --sort subs'],
  ['sys', 'server report accounts A'],
  ['sys', 'server request kick 99999 <id>'],
  ['sys', 'server config reload <id> --force'],
  ['sys', 'server account info NOPE'],
  ['sys', 'server cluster step-down --force'],
  ['sys', 'server cluster peer-remove x --force'],
  ['sys', 'server ping --count 1 --graph'],
  ['sys', 'server check connection'],
  ['sys', 'server check server --name one'],
  ['sys', 'server check server --name one --cpu-warn 1000 --subs-critical 1'],
  ['sys', 'server check server --name nope'],
  ['sys', 'server check meta --expect 1 --lag-critical 1 --seen-critical 1s'],
  ['a', 'server check stream --stream S'],
  ['a', 'server check stream --stream S --msgs-critical 100'],
  ['a', 'server check stream --stream NOPE'],
  ['a', 'server check consumer --stream S --consumer C'],
  ['a', 'server check consumer --stream S --consumer C --unprocessed-critical 1'],
  ['a', 'server check consumer --stream S --consumer NOPE'],
  ['a', 'server check message --stream S --subject s --content hello'],
  ['a', 'server check message --stream S --subject s --content nope'],
  ['a', 'server check kv --bucket BUCKET --key key'],
  ['a', 'server check kv --bucket BUCKET --key nope'],
  ['a', 'server check kv --bucket NOPE'],
  ['a', 'server check request --subject echo --payload x --match-payload x'],
  ['a', 'server check request --subject nobody --payload x'],
  ['a', 'server check jetstream --mem-warn 1'],
  ['a', 'server mappings a.* b.$1 a.x'],
  ['a', 'server info'],
  ['a', 'server report accounts'],
  ['a', 'account tls'],
  ['a', 'account report connections --sort in-msgs'],
  ['a', 'rtt 2'],
  ['sys', 'audit checks'],
  ['a', 'errors lookup 10059'],
  ['a', 'schema request io.nats.jetstream.api.v1.account_info_response $JS.API.INFO'],
]
/** What takes away what others are about. */
const last: typeof commands = [
  ['sys', 'server account purge NOPE --force'],
  ['sys', 'server account purge A --force'],
  ['a', 'stream ls'],
  ['a', 'stream add S --subjects s --defaults'],
]

function compared([user, command]: (typeof commands)[number]): void {
  test(`nats ${command} (as ${user})`, async () => {
    const [real, ours] = await Promise.all(
      both.map((each) => each.run(user, command.replace('<id>', each.id).split(' '))),
    )
    assert.deepEqual(ours, real)
  })
}

for (const each of commands) compared(each)

// What is printed is JSON: the keys and types of it.
for (const page of [
  'accounts',
  'connections',
  'connections --subscriptions',
  'connections --filter-account A',
  'gateways',
  'jetstream',
  'jetstream --streams --consumer --config',
  'jetstream-health',
  'leafnodes',
  'raft',
  'routes',
  'subscriptions',
  'variables',
]) {
  test(`nats server request ${page}`, async () => {
    const [real, ours] = await Promise.all(
      both.map(async (each) => {
        const { code, text } = await each.print('sys', ['server', 'request', ...page.split(' ')])
        assert.equal(code, 0, text)
        const keys = [...shape(JSON.parse(text))]
        return keys.filter((key) => !/subscriptions_list\[\]\.(qgroup|max)|sync_always/.test(key)).sort()
      }),
    )
    assert.deepEqual(ours, real)
  })
}

test('nats top, once into a file', async () => {
  const [real, ours] = await Promise.all(
    both.map(async (each) => {
      const file = join(each.server.directory, 'top.txt')
      const { code, text } = await each.print('sys', [
        'top',
        'one',
        '-r',
        '1',
        '-o',
        file,
        '--delimiter',
        ';',
      ])
      return [code, each.lines(text)]
    }),
  )
  assert.deepEqual(ours, real)
})

test('nats latency, between a server and itself', async () => {
  const [real, ours] = await Promise.all(
    both.map(async (each) => {
      const words = ['latency', '--server-b', each.server.url, '--duration', '1s']
      return each.run('a', words)
    }),
  )
  assert.deepEqual(ours, real)
})

function sorted({ code, lines }: { code: number; lines: string[] }) {
  return { code, lines: lines.sort() }
}

test('nats service list, info, stats, ping, request, while one serves', async () => {
  const [real, ours] = await Promise.all(
    both.map(async (each) => {
      const login = ['-s', each.server.url, '--user', 'a', '--password', 'a']
      const service = new Program(natsCli, [...login, 'service', 'serve', 'demo'])
      await service.until(/Waiting for requests|serving|Listening|demo/i)
      await new Promise((done) => setTimeout(done, 300))
      const said: unknown[] = []
      // Headers come in any order.
      for (const words of ['list', 'info demo', 'stats demo', 'ping', 'request demo echo hello', 'info nope'])
        said.push(words, sorted(await each.run('a', ['service', ...words.split(' ')])))
      await service.stop()
      return said
    }),
  )
  assert.deepEqual(ours, real)
})

test('nats audit gather and analyze', async () => {
  const [real, ours] = await Promise.all(
    both.map(async (each) => {
      const file = join(each.server.directory, 'audit.zip')
      const gathered = await each.run('sys', [
        'audit',
        'gather',
        '--no-progress',
        '--no-server-profiles',
        '-o',
        file,
      ])
      // Accounts come in any order, and their streams: it ends at the first.
      gathered.lines = gathered.lines.map((line) =>
        line.replace(/add stream \S+ info/, 'add stream <name> info'),
      )
      return [sorted(gathered), sorted(await each.run('sys', ['audit', 'analyze', file]))]
    }),
  )
  assert.deepEqual(ours, real)
})

for (const each of last) compared(each)
