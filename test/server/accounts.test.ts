import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { Bus } from '../../src/core/index.ts'
import type { AccountOptions, ServerOptions } from '../../src/server/index.ts'
import { start } from './support.ts'

const user = (name: string) => ({ user: name, password: 'p' })

test('a client in the process says which user it is', async (t) => {
  const server = await start(t, {
    accounts: {
      A: { users: [user('ann')] },
      B: { users: [{ ...user('bob'), permissions: { publish: 'b.>' } }] },
    },
  })
  const ann = await server.connect({ user: 'ann' })
  const bob = await server.connect({ user: 'bob' })
  const heard: string[] = []
  ann.subscribe('b.*', { callback: (_, message) => void heard.push(message.string()) })
  await ann.flush()
  bob.publish('b.x', 'of B')
  await bob.flush()
  ann.publish('b.x', 'of A')
  await ann.flush()
  assert.deepEqual(heard, ['of A'])
  await assert.rejects(bob.request('other', ''), /Permissions Violation for Publish to "other"/)
  await assert.rejects(server.connect({ user: 'nobody' }), /Authorization Violation/)
  await assert.rejects(server.connect({ user: 'ann', pass: 'wrong' }), /Authorization Violation/)
})

test('each account has streams of its own, on disk too', async (t) => {
  const storeDir = mkdtempSync(join(tmpdir(), 'contrail-accounts-'))
  t.after(() => rmSync(storeDir, { recursive: true, force: true }))
  const options: ServerOptions = {
    storeDir,
    accounts: {
      A: { users: [user('a')], jetstream: true },
      B: { users: [user('b')], jetstream: true },
      C: { users: [user('c')] },
    },
  }
  const first = await start(t, options)
  for (const name of ['a', 'b']) {
    const client = await first.connect({ user: name })
    await (await jetstreamManager(client)).streams.add({ name: 'S', subjects: ['s'] })
    await jetstream(client).publish('s', name)
  }
  const none = await first.connect({ user: 'c' })
  await assert.rejects(jetstreamManager(none), /JetStream not enabled for account/)
  await first.stop()
  const second = await start(t, options)
  for (const name of ['a', 'b']) {
    const manager = await jetstreamManager(await second.connect({ user: name }))
    assert.equal((await manager.streams.getMessage('S', { seq: 1 }))?.string(), name)
  }
})

test('services and streams go from one account to another', async (t) => {
  const server = await start(t, {
    accounts: {
      A: { users: [user('a')], exports: [{ service: 'add' }, { stream: 'news.>' }] },
      B: {
        users: [user('b')],
        imports: [
          { service: { account: 'A', subject: 'add' }, to: 'sum' },
          { stream: { account: 'A', subject: 'news.>' }, prefix: 'a' },
        ],
      },
    },
  })
  const a = await server.connect({ user: 'a' })
  const b = await server.connect({ user: 'b' })
  a.subscribe('add', { callback: (_, message) => void message.respond(`${message.string()}!`) })
  await a.flush()
  assert.equal((await b.request('sum', 'x')).string(), 'x!')
  const heard = new Promise((resolve) => {
    b.subscribe('a.news.*', { max: 1, callback: (_, message) => resolve(message.subject) })
  })
  await b.flush()
  a.publish('news.today')
  assert.equal(await heard, 'a.news.today')
})

test('a subscription gets no more of an import than it asks for, whatever subjects become', async (t) => {
  const server = await start(t, {
    accounts: {
      A: { users: [user('a')], exports: [{ stream: 'st.>' }, { stream: 'two.*.*' }] },
      B: {
        users: [
          user('b'),
          {
            user: 'limited',
            password: 'l',
            permissions: { subscribe: { allow: 'in.a.>', deny: 'in.a.no' } },
          },
        ],
        imports: [
          { stream: { account: 'A', subject: 'st.>' }, to: 'in.>' },
          { stream: { account: 'A', subject: 'two.*.*' }, to: 'turned.$2.$1' },
        ],
      },
      C: {
        users: [user('c')],
        imports: [{ stream: { account: 'A', subject: 'two.*.*' }, to: 'same.$1.$1' }],
      },
    },
  })
  const a = await server.connect({ user: 'a' })
  const got: Record<string, string[]> = {}
  const listen = async (user: string, patterns: string[]): Promise<() => Promise<void>> => {
    const client = await server.connect({ user })
    for (const pattern of patterns) {
      for (const queue of [undefined, 'q']) {
        const callback = (_: unknown, { subject }: { subject: string }) => {
          got[pattern] = [...(got[pattern] ?? []), subject]
        }
        client.subscribe(pattern, { queue: queue && `q${pattern}`, callback })
      }
    }
    await client.flush()
    return () => client.flush()
  }
  const flushes = [
    await listen('b', ['in.a.*', '*.a.>', 'in.>', 'turned.*.x', 'turned.y.*']),
    await listen('limited', ['in.a.>']),
    await listen('c', ['same.x.y', 'same.*.x']),
  ]
  for (const subject of ['st.a.x', 'st.a.no', 'st.b.x', 'st.b', 'two.x.y', 'two.y.x']) a.publish(subject)
  await a.flush()
  for (const flush of flushes) await flush()
  for (const subjects of Object.values(got)) subjects.sort()
  const twice = (...subjects: string[]) => subjects.flatMap((subject) => [subject, subject])
  assert.deepEqual(got, {
    'in.a.*': twice('in.a.no', 'in.a.x'),
    '*.a.>': twice('in.a.no', 'in.a.x'),
    'in.>': twice('in.a.no', 'in.a.x', 'in.b', 'in.b.x'),
    'in.a.>': twice('in.a.x'),
    'turned.*.x': twice('turned.y.x'),
    'turned.y.*': twice('turned.y.x'),
    'same.*.x': twice('same.x.x'),
  })
})

test('a service believes nobody but the server who asks, however a client writes it', async (t) => {
  const server = await start(t, {
    port: 0,
    accounts: {
      A: { users: [user('a')], exports: [{ service: 'ask' }] },
      B: { users: [user('b')], imports: [{ service: { account: 'A', subject: 'ask' } }] },
    },
  })
  const a = await server.connect({ user: 'a' })
  const got: string[] = []
  ;(server as unknown as { bus: Bus }).bus.account('A').subscribe('ask', {
    onMessage: ({ body, bodyStart, headerLength }) =>
      void got.push(body.toString('latin1', bodyStart, bodyStart + headerLength)),
  })
  await a.flush()
  const forged = 'Nats-Request-Info: {"acc":"FORGED"}'
  const heads = [
    `${forged}\r\n\r\n`,
    `X: 1\n${forged}\r\n\r\n`,
    `X: 1\r${forged}\r\n\r\n`,
    ` ${forged}\r\n\r\n`,
    `${forged.replace(':', ' :')}\r\n\r\n`,
    `${forged.toLowerCase()}\n\n`,
    `X: 1\r\n${forged}`,
    'X: 1',
  ].map((lines) => `NATS/1.0\r\n${lines}`)
  const socket = connectSocket(server.port as number, '127.0.0.1')
  const publish = heads.map((head) => `HPUB ask ${head.length} ${head.length}\r\n${head}\r\n`).join('')
  socket.write(
    `CONNECT {"user":"b","pass":"p","headers":true,"verbose":false,"pedantic":false}\r\n${publish}PING\r\n`,
  )
  await new Promise((resolve) => socket.on('data', (data) => data.includes('PONG') && resolve(null)))
  socket.destroy()
  assert.equal(got.length, heads.length)
  for (const head of got) {
    assert.doesNotMatch(head, /FORGED|forged/)
    assert.match(head, /\r\nNats-Request-Info: \{"acc":"B".*\}\r\n\r\n$/)
  }
})

const imports = (account: string, subject: string, to?: string): AccountOptions['imports'] => [
  { service: { account, subject }, ...(to === undefined ? {} : { to }) },
]

test('imports that are not allowed, or go in circles, are refused', async (t) => {
  const cases: [Record<string, AccountOptions>, RegExp][] = [
    [{ A: {}, B: { imports: imports('A', 's') } }, /"s": service import not authorized/],
    [
      { A: { exports: [{ service: 's', accounts: ['C'] }] }, B: { imports: imports('A', 's') }, C: {} },
      /not authorized/,
    ],
    [{ B: { imports: imports('A', 's') } }, /"A" account not defined for service import/],
    [{ A: { exports: [{ stream: 's', accounts: ['X'] }] } }, /"X" account not defined for stream export/],
    [{ A: { exports: [{ service: 's' }], imports: imports('A', 's') } }, /import forms a cycle/],
    [
      {
        A: { exports: [{ service: 's' }], imports: imports('B', 's') },
        B: { exports: [{ service: 's' }], imports: imports('A', 's') },
      },
      /import forms a cycle/,
    ],
    [
      {
        A: { exports: [{ service: 'x.>' }], imports: imports('C', 'z.*', 'x.*') },
        B: { exports: [{ service: 'y.*' }], imports: imports('A', 'x.*', 'y.*') },
        C: { exports: [{ service: 'z.*' }], imports: imports('B', 'y.*', 'z.*') },
      },
      /import forms a cycle/,
    ],
    [{ A: { exports: [{ service: 'a.*', accountTokenPosition: 1 }] } }, /"a\.\*": sublist: invalid subject/],
    [
      {
        A: { exports: [{ stream: 'a.*' }] },
        B: { imports: [{ stream: { account: 'A', subject: 'a.*' }, prefix: '*' }] },
      },
      /prefix can not contain wildcard tokens/,
    ],
    [{ A: { users: [user('u')] }, B: { users: [user('u')] } }, /Duplicate user "u" detected/],
    [
      {
        A: {
          mappings: {
            a: [
              { destination: 'b', weight: 60 },
              { destination: 'c', weight: 60 },
            ],
          },
        },
      },
      /total weight needs to be <= 100/,
    ],
    [{ A: { mappings: { 'a.*': 'b.$2' } } }, /wildcard index out of range/],
  ]
  for (const [accounts, text] of cases) await assert.rejects(start(t, { accounts }), text)
})
