/** Limits of JetStream in an account of the configuration. */
import { ask, parse } from '../claims.ts'
import { login } from '../credentials.ts'
import { differential, type Session, serversWith } from '../harness.ts'
import type { Line } from '../session.ts'

const LIMITED: Readonly<Record<string, string>> = {
  a: '{ max_mem: 1000, max_store: 2000, max_streams: 2, max_consumers: 3, max_ack_pending: 50 }',
  batches: '{ max_memory: 400, max_file: 400 }',
  bytes: '{ max_bytes_required: true, mem_max_stream_bytes: 500, disk_max_stream_bytes: 600 }',
  many: '{ max_consumers: 5, max_ack_pending: 100, streams: 0 }',
  none: 'disabled',
  nothing: '{ mem: 0, disk: 0 }',
  open: 'enabled',
  orders: '{ max_store: 500, max_bytes_required: true, disk_max_stream_bytes: 400, max_streams: 1 }',
}

serversWith({
  flags: [],
  config: `
jetstream { max_memory_store: 100000, max_file_store: 100000, sync_interval: "2m", limits { max_ack_pending: 70, default_max_consumers: 4 } }
system_account: SYS
accounts {
  SYS: { users: [ { user: "system", password: "s" } ] }
  ${Object.entries(LIMITED)
    .map(
      ([name, limits]) => `${name}: { jetstream: ${limits}, users: [ { user: "${name}", password: "x" } ] }`,
    )
    .join('\n  ')}
}
no_auth_user: a
`,
})

/** What is said of JetStream, without what is another each time. */
function shownJetStream(text: string): unknown {
  const { data, statsz } = parse(text) as { data?: Record<string, unknown>; statsz?: Record<string, unknown> }
  const jetstream = (data?.jetstream ?? statsz?.jetstream ?? data) as Record<string, unknown>
  const { server_id: _, now: _now, config, account_details: details, ...shown } = jetstream
  const { store_dir: _dir, ...settings } = config as Record<string, unknown>
  const accounts = (details ?? []) as { name: string }[]
  return { ...shown, config: settings, details: accounts.sort((a, b) => (a.name < b.name ? -1 : 1)) }
}

interface Account {
  api(subject: string, body?: object): Promise<void>
  publish(subject: string, bytes: number, headers?: string): Promise<void>
}

async function enter(s: Session, user: string): Promise<Account> {
  const line: Line = await s.open(user, () => login({ user, pass: 'x', verbose: false, headers: true }))
  return {
    api: (subject, body) =>
      ask(s, line, `$JS.API.${subject}`, body === undefined ? '' : JSON.stringify(body)),
    publish: (subject, bytes) => ask(s, line, subject, 'x'.repeat(bytes)),
  }
}

const stream = (name: string, config: object = {}) => ({ name, subjects: [`${name}.>`], ...config })
const consumer = (stream_name: string, name: string, config: object = {}) => ({
  stream_name,
  config: { name, durable_name: name, ack_policy: 'explicit', ...config },
})

differential('streams are promised no more than the account has', async (s) => {
  await s.api('INFO')
  await s.api('STREAM.CREATE.S1', stream('S1', { max_bytes: 1500 }))
  await s.api('STREAM.CREATE.S2', stream('S2', { max_bytes: 501 }))
  await s.api('STREAM.CREATE.S2', stream('S2', { max_bytes: 500, max_consumers: 4 }))
  await s.api('STREAM.CREATE.S2', stream('S2', { max_bytes: 500, max_consumers: 3 }))
  await s.api('STREAM.CREATE.S2', stream('S2', { max_bytes: 500, max_consumers: 3 }))
  await s.api('STREAM.CREATE.S3', stream('S3', { storage: 'memory' }))
  await s.api('STREAM.UPDATE.S2', stream('S2', { max_bytes: 501 }))
  await s.api('STREAM.UPDATE.S2', stream('S2', { max_bytes: 400, max_consumers: 3 }))
  await s.api('STREAM.UPDATE.S1', stream('S1', { max_bytes: 1600, max_consumers: 4 }))
  await s.api('STREAM.UPDATE.S1', stream('S1', { max_bytes: 1601 }))
  await s.api('STREAM.UPDATE.S1', stream('S1', { max_bytes: 1600 }))
  await s.api('INFO')
  await s.api('STREAM.UPDATE.S1', stream('S1'))
  await s.api('STREAM.DELETE.S2')
  await s.api('STREAM.CREATE.M', stream('M', { storage: 'memory', max_bytes: 1001 }))
  await s.api('STREAM.CREATE.M', stream('M', { storage: 'memory', max_bytes: 1000 }))
  await s.api('STREAM.DELETE.M')
  await s.api('STREAM.UPDATE.S1', stream('S1', { max_bytes: 2000 }))
  await s.api('STREAM.CREATE.S4', stream('S4'))
  await s.api('STREAM.RESTORE.S4', { config: stream('S4', { max_bytes: 1 }), state: {} })
  await s.api('INFO')
  await s.nats('account info')
  await s.nats('account tls')
  await s.nats('stream report')
})

differential('consumers within what the account allows', async (s) => {
  await s.api('STREAM.CREATE.S', stream('S'))
  await s.api('STREAM.CREATE.T', stream('T', { max_consumers: 1 }))
  for (let i = 0; i < 5; i++) await s.api(`CONSUMER.CREATE.S.c${i}`, consumer('S', `c${i}`))
  for (let i = 0; i < 3; i++)
    await s.api(`CONSUMER.CREATE.T.c${i}`, consumer('T', `c${i}`, { max_ack_pending: 20 }))
  await s.api('CONSUMER.CREATE.S.c0', consumer('S', 'c0', { max_ack_pending: 51 }))
  await s.api('CONSUMER.CREATE.S.c0', consumer('S', 'c0', { max_ack_pending: 71 }))
  await s.api('CONSUMER.CREATE.S.c0', consumer('S', 'c0', { max_ack_pending: -1 }))
  await s.api('CONSUMER.CREATE.S.c1', consumer('S', 'c1', { ack_policy: 'none' }))
  await s.api('STREAM.UPDATE.S', stream('S', { consumer_limits: { max_ack_pending: 60 } }))
  await s.api('CONSUMER.CREATE.S.c2', consumer('S', 'c2', { max_ack_pending: 0 }))
  await s.api('INFO')
})

differential('an account may have more consumers than the default', async (s) => {
  const many = await enter(s, 'many')
  await many.api('STREAM.CREATE.S', stream('S'))
  await many.api('STREAM.CREATE.T', stream('T', { max_consumers: 6 }))
  await many.api('STREAM.CREATE.U', stream('U', { max_consumers: 5 }))
  for (const name of ['S', 'U'])
    for (let i = 0; i < 7; i++) await many.api(`CONSUMER.CREATE.${name}.c${i}`, consumer(name, `c${i}`))
  await many.api('CONSUMER.CREATE.S.c0', consumer('S', 'c0', { max_ack_pending: 90 }))
  await many.api('CONSUMER.CREATE.S.c0', consumer('S', 'c0', { max_ack_pending: 120 }))
  const open = await enter(s, 'open')
  await open.api('STREAM.CREATE.S', stream('S'))
  for (let i = 0; i < 6; i++) await open.api(`CONSUMER.CREATE.S.c${i}`, consumer('S', `c${i}`))
  await open.api('STREAM.CREATE.T', stream('T', { max_bytes: 100_001 }))
  await open.api('STREAM.CREATE.T', stream('T', { max_bytes: 100_000 }))
  await open.api('STREAM.CREATE.V', stream('V'))
  await open.api('STREAM.UPDATE.T', stream('T', { max_bytes: 99_000 }))
  await open.api('STREAM.DELETE.T')
})

differential('messages within what the account stores', async (s) => {
  await s.api('STREAM.CREATE.F', stream('F'))
  await s.api('STREAM.CREATE.M', stream('M', { storage: 'memory', retention: 'interest' }))
  for (let i = 0; i < 8; i++) await s.request('F.x', 'x'.repeat(300))
  await s.request('F.x', 'y')
  await s.request('F.x', 'z'.repeat(200))
  await s.request('M.x', 'x'.repeat(2000))
  await s.api('CONSUMER.CREATE.M.c', consumer('M', 'c', { filter_subject: 'M.x' }))
  for (let i = 0; i < 4; i++) await s.request('M.x', 'x'.repeat(300))
  await s.request('M.y', 'x'.repeat(2000))
  await s.request('M.x', 'x', 'Nats-Msg-Id: 1')
  await s.request('F.x', 'x'.repeat(300), 'Nats-Msg-Id: 1')
  await s.request('F.x', 'x'.repeat(300), 'Nats-Expected-Last-Sequence: 99')
  await s.request('F.x', 'x'.repeat(300), 'Nats-Rollup: sub')
  await s.api('INFO')
  await s.api('STREAM.PURGE.F', { keep: 1 })
  await s.request('F.x', 'x'.repeat(300))
  await s.api('STREAM.MSG.DELETE.F', { seq: 6 })
  await s.api('INFO')
  await s.api('STREAM.UPDATE.F', stream('F', { max_msgs: 1, discard: 'new', max_bytes: 500 }))
  await s.request('F.x', 'x'.repeat(1900))
  await s.api('STREAM.DELETE.F')
  await s.api('INFO')
})

differential('streams that have to have max_bytes, and not too many', async (s) => {
  const bytes = await enter(s, 'bytes')
  await bytes.api('INFO')
  for (const config of [
    {},
    { max_bytes: 0 },
    { max_bytes: -1 },
    { max_bytes: 601 },
    { max_bytes: 501, storage: 'memory' },
    { max_bytes: 601, storage: 'memory', sources: [{ name: 'X' }] },
    { max_bytes: 600 },
  ])
    await bytes.api('STREAM.CREATE.X', stream('X', config))
  await bytes.api('STREAM.UPDATE.X', stream('X'))
  await bytes.api('STREAM.UPDATE.X', stream('X', { max_bytes: 700 }))
  await bytes.api('STREAM.UPDATE.X', stream('X', { max_bytes: 10 }))
  await bytes.api('STREAM.RESTORE.Y', { config: stream('Y'), state: {} })
})

differential('which of several reasons is told', async (s) => {
  const orders = await enter(s, 'orders')
  const bad = { max_consumers: 9, num_replicas: 3 }
  await orders.api('STREAM.CREATE.A', stream('A', { ...bad, subjects: ['a..b'] }))
  await orders.api('STREAM.CREATE.A', stream('A', bad))
  await orders.api('STREAM.CREATE.A', stream('A', { ...bad, max_bytes: 900 }))
  await orders.api('STREAM.CREATE.A', stream('A', { ...bad, max_bytes: 300 }))
  await orders.api(
    'STREAM.CREATE.A',
    stream('A', { max_bytes: 900, subject_transform: { src: 'a..', dest: 'x' } }),
  )
  await orders.api('STREAM.CREATE.A', stream('A', { max_bytes: 900, republish: { src: '>', dest: 'A.>' } }))
  await orders.api('STREAM.CREATE.A', stream('A', { max_bytes: 400 }))
  await orders.api('STREAM.CREATE.B', stream('B', { max_bytes: 400 }))
  await orders.api('STREAM.CREATE.B', stream('B', { max_bytes: 400, subjects: ['A.x'] }))
  await orders.api('STREAM.CREATE.A', stream('A', { max_bytes: 300 }))
  await orders.api('STREAM.UPDATE.A', stream('A', { max_bytes: 401, storage: 'memory' }))
  await orders.api('STREAM.UPDATE.B', stream('B', { max_bytes: 401 }))
})

differential('which of several reasons is told of an update', async (s) => {
  await s.api('STREAM.CREATE.S', stream('S', { max_bytes: 1000 }))
  await s.api('STREAM.CREATE.T', stream('T', { max_bytes: 500 }))
  await s.api('CONSUMER.CREATE.T.c', consumer('T', 'c', { max_ack_pending: 40 }))
  const over = { max_bytes: 1001 }
  const few = { consumer_limits: { max_ack_pending: 10 } }
  await s.api('STREAM.UPDATE.T', stream('T', { ...over, subjects: ['S.x'] }))
  await s.api('STREAM.UPDATE.T', stream('T', { ...over, ...few }))
  await s.api('STREAM.UPDATE.T', stream('T', { ...few, subjects: ['S.x'] }))
  await s.api('STREAM.UPDATE.T', stream('T', { ...over, storage: 'memory' }))
  await s.api('STREAM.UPDATE.T', stream('T', { ...over, retention: 'workqueue' }))
  await s.api('STREAM.UPDATE.T', stream('T', { ...over, num_replicas: 3 }))
  await s.api('STREAM.UPDATE.T', stream('T', { ...over, max_consumers: 9 }))
  await s.api('STREAM.UPDATE.U', stream('U', { max_bytes: 9000 }))
  await s.api('STREAM.CREATE.U', stream('U', { max_bytes: 9000, subjects: ['S.x'] }))
  await s.api('STREAM.DELETE.S')
  await s.api('STREAM.CREATE.U', stream('U', { max_bytes: 9000, subjects: ['T.x'] }))
  await s.api('STREAM.CREATE.U', stream('U', { max_bytes: 9000, mirror: { name: 'U' } }))
  await s.api('STREAM.CREATE.U', { name: 'U', max_bytes: 9000, mirror: { name: 'T' } })
  await s.api('STREAM.CREATE.U', {
    name: 'U',
    max_bytes: 9000,
    sources: [{ name: 'T', filter_subject: 'x' }],
  })
})

differential('an account without room, and one without JetStream', async (s) => {
  const nothing = await enter(s, 'nothing')
  await nothing.api('INFO')
  await nothing.api('STREAM.CREATE.A', stream('A'))
  await nothing.api('STREAM.CREATE.A', stream('A', { storage: 'memory' }))
  const none = await enter(s, 'none')
  await none.api('INFO')
  await none.api('STREAM.NAMES')
})

differential('batches within what the account stores', async (s) => {
  const line = await s.open('batches', () =>
    login({ user: 'batches', pass: 'x', verbose: false, headers: true }),
  )
  const api = (subject: string, body: object | null) =>
    ask(s, line, `$JS.API.${subject}`, body === null ? '' : JSON.stringify(body))
  await api('STREAM.CREATE.S', stream('S', { allow_atomic: true, allow_batched: true }))
  const publish = async (head: string, reply: string): Promise<void> => {
    const header = `NATS/1.0\r\n${head}\r\n\r\n`
    const body = 'x'.repeat(100)
    await line.send(
      `HPUB S.x ${reply} ${header.length} ${header.length + body.length}\r\n${header}${body}\r\n`,
    )
    await line.settle()
  }
  await line.send('SUB r.> 3\r\n')
  await publish('A: b', 'r.1')
  await publish('A: b', 'r.2')
  await publish('Nats-Batch-Id: a\r\nNats-Batch-Sequence: 1', 'r.3')
  await publish('Nats-Batch-Id: a\r\nNats-Batch-Sequence: 2\r\nNats-Batch-Commit: 1', 'r.4')
  await publish('A: b', 'r.5')
  await api('INFO', null)
})

differential('what monitoring and the system account show of limits', async (s) => {
  const system = await s.open('system', () =>
    login({ user: 'system', pass: 's', verbose: false, headers: true }),
  )
  await ask(s, system, '$SYS.REQ.ACCOUNT.bytes.JSZ', '{}')
  await ask(s, system, '$SYS.REQ.ACCOUNT.open.JSZ', '{}')
  await ask(s, system, '$SYS.REQ.ACCOUNT.nothing.JSZ', '{}')
  for (const page of ['JSZ', 'STATSZ', 'VARZ']) {
    await system.send(`SUB in 9\r\nPUB $SYS.REQ.SERVER.PING.${page} in 17\r\n{"accounts":true}\r\n`)
    const frames = system.frames()
    for (let i = 0; i < 100 && frames.length === 0; i++) {
      await s.wait(20)
      frames.push(...system.frames())
    }
    s.note(page, shownJetStream(frames[0]?.payload ?? ''))
    await system.send('UNSUB 9\r\n')
  }
})
