/** The `nats` command line against Contrail. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { PeerServer } from '../servers.ts'
import { NatsCli } from './program.ts'

let server: PeerServer
let nats: NatsCli

before(async () => {
  server = await new PeerServer('contrail').start()
  nats = new NatsCli(server.url)
})

after(() => server?.dispose())

interface StreamInfo {
  config: Record<string, unknown>
  state: {
    messages: number
    first_seq: number
    last_seq: number
    num_subjects: number
    consumer_count: number
  }
}

interface ConsumerInfo {
  config: Record<string, unknown>
  num_pending: number
  num_ack_pending: number
  ack_floor: { stream_seq: number }
}

test('nats pub, sub, request and reply', async () => {
  const listener = nats.start('sub cli.> --count=3')
  await listener.until('Subscribing on')
  await nats.run('pub cli.one', 'first')
  await nats.run('pub cli.two -H A:b', 'second')
  await nats.run('pub cli.three --count=1', 'third')
  const { code, output } = await listener.end()
  assert.equal(code, 0, output)
  for (const text of ['cli.one', 'first', 'A: b', 'second', 'third']) assert.ok(output.includes(text), output)

  const replier = nats.start('reply cli.service', 'the answer is {{.Request}}')
  await replier.until('Listening on')
  const answer = await nats.run('request cli.service', 'question')
  await replier.stop()
  assert.match(answer, /the answer is question/)
  const nobody = await nats.try(['request', 'cli.nobody', 'x', '--timeout=1s'])
  assert.match(nobody.output, /No responders/i)
})

test('nats sub in a queue group: each message once', async () => {
  const members = [1, 2].map(() => nats.start('sub cli.queue --queue=q --raw'))
  // With --raw it doesn't say when it has subscribed.
  await new Promise((done) => setTimeout(done, 700))
  await nats.run('pub cli.queue --count=40', 'work {{Count}}')
  await new Promise((done) => setTimeout(done, 300))
  const outputs = await Promise.all(members.map((member) => member.stop()))
  const counts = outputs.map(({ stdout }) => stdout.match(/work \d+/g)?.length ?? 0)
  assert.equal(counts[0] + counts[1], 40)
  assert.ok(
    counts.every((count) => count > 0),
    `shared ${counts}`,
  )
})

test('nats rtt, account info and the lists of an empty server', async () => {
  assert.match(await nats.run('rtt'), /\d(µs|ms)/)
  assert.match(await nats.run('account info'), /JetStream Account Information/)
  assert.match(await nats.run('stream ls'), /No Streams defined/)
})

test('nats stream: add, info, edit, publish, view, get, rmm, purge, rm', async () => {
  await nats.run('stream add ORDERS --subjects=orders.* --max-msgs=100 --description=orders --defaults')
  await nats.run('pub orders.new --jetstream --count=9', 'order {{Count}}')
  await nats.run('pub orders.old -J', 'old order')
  let info = await nats.json<StreamInfo>('stream info ORDERS --json')
  assert.deepEqual(info.config.subjects, ['orders.*'])
  assert.equal(info.config.description, 'orders')
  assert.equal(info.state.messages, 10)
  assert.equal(info.state.num_subjects, 2)
  assert.match(await nats.run('stream info ORDERS'), /Messages: 10/)
  assert.match(await nats.run('stream ls'), /ORDERS/)
  assert.match(await nats.run('stream report'), /ORDERS/)
  assert.match(await nats.run('stream state ORDERS'), /Messages: 10/)
  assert.match(await nats.run('stream subjects ORDERS'), /orders\.new/)
  assert.match(await nats.run('stream find --subject=orders.*'), /ORDERS/)
  assert.match(await nats.run('stream get ORDERS 3'), /order 3/)
  assert.match(await nats.run('stream get ORDERS --last-for=orders.old'), /old order/)
  await nats.run('stream edit ORDERS --max-msgs=8 --force')
  info = await nats.json<StreamInfo>('stream info ORDERS --json')
  assert.equal(info.config.max_msgs, 8)
  assert.equal(info.state.messages, 8)
  await nats.run('stream rmm ORDERS 5 --force')
  assert.equal((await nats.json<StreamInfo>('stream info ORDERS --json')).state.messages, 7)
  assert.match(await nats.run('stream gaps ORDERS --force --no-progress'), /5/)
  await nats.run('stream copy ORDERS COPY --subjects=copy.*')
  await nats.run('stream purge ORDERS --subject=orders.old --force')
  assert.equal((await nats.json<StreamInfo>('stream info ORDERS --json')).state.messages, 6)
  await nats.run('stream purge ORDERS --force')
  assert.equal((await nats.json<StreamInfo>('stream info ORDERS --json')).state.messages, 0)
  await nats.run('stream seal COPY --force')
  await nats.run('stream rm ORDERS --force')
  await nats.run('stream rm COPY --force')
  assert.match(await nats.run('stream ls'), /No Streams defined/)
  const missing = await nats.try(['stream', 'info', 'ORDERS'])
  assert.notEqual(missing.code, 0)
  assert.match(missing.output, /could not pick a Stream/)
})

test('nats consumer: add, next, nak, info, report, pause, resume, edit, rm', async () => {
  await nats.run('stream add WORK --subjects=work.> --defaults')
  await nats.run('pub work.a -J --count=20', 'job {{Count}}')
  await nats.run(
    'consumer add WORK pull --pull --ack=explicit --deliver=all --filter=work.a --wait=30s --defaults',
  )
  assert.match(await nats.run('consumer next WORK pull --raw'), /job 1\b/)
  assert.match(await nats.run('consumer next WORK pull --count=4 --raw'), /job 5\b/)
  assert.match(await nats.run('consumer next WORK pull --nak --raw'), /job 6\b/)
  assert.match(await nats.run('consumer next WORK pull --no-ack --raw'), /job 6\b/)
  let info = await nats.json<ConsumerInfo>('consumer info WORK pull --json')
  assert.equal(info.ack_floor.stream_seq, 5)
  assert.equal(info.num_ack_pending, 1)
  assert.equal(info.num_pending, 14)
  assert.match(await nats.run('consumer ls WORK'), /pull/)
  assert.match(await nats.run('consumer report WORK'), /pull/)
  assert.match(await nats.run('consumer find WORK'), /pull/)
  assert.match(await nats.run('consumer state WORK pull'), /Unprocessed Messages: 14/)
  await nats.run('consumer pause WORK pull 1h --force')
  assert.match(await nats.run('consumer info WORK pull'), /Paused/)
  await nats.run('consumer resume WORK pull --force')
  await nats.run('consumer edit WORK pull --description=edited --force')
  info = await nats.json<ConsumerInfo>('consumer info WORK pull --json')
  assert.equal(info.config.description, 'edited')
  await nats.run('consumer copy WORK pull pulled')
  await nats.run(
    'consumer add WORK push --target=work-push --ack=none --deliver=last --replay=instant --defaults',
  )
  assert.match(await nats.run('consumer info WORK push'), /work-push/)
  for (const name of ['pull', 'pulled', 'push']) await nats.run(`consumer rm WORK ${name} --force`)
  assert.equal((await nats.json<StreamInfo>('stream info WORK --json')).state.consumer_count, 0)
  await nats.run('stream rm WORK --force')
})

test('nats sub reads a stream: --all, --last, --last-per-subject, --direct, --durable', async () => {
  await nats.run('stream add READ --subjects=read.* --allow-direct --defaults')
  for (const subject of ['a', 'b', 'a']) await nats.run(`pub read.${subject} -J`, `to ${subject}`)
  const all = await nats.run('sub read.* --all --count=3 --raw')
  assert.equal(all.match(/to [ab]/g)?.length, 3)
  assert.match(await nats.run('sub read.* --last --count=1 --raw'), /to a/)
  const latest = await nats.run('sub read.* --last-per-subject --count=2 --raw')
  assert.equal(latest.match(/to [ab]/g)?.length, 2)
  const direct = await nats.run('sub read.* --stream=READ --direct --all --count=3 --raw')
  assert.equal(direct.match(/to [ab]/g)?.length, 3)
  const from = await nats.run('sub read.* --start-sequence=2 --count=2 --raw')
  assert.equal(from.match(/to [ab]/g)?.length, 2)
  await nats.run('stream rm READ --force')
})

test('nats kv: add, put, get, create, update, history, ls, watch, del, purge, compact, info', async () => {
  await nats.run('kv add CONFIG --history=5')
  assert.match(await nats.run('kv put CONFIG a.b', 'one'), /one/)
  assert.match(await nats.run('kv get CONFIG a.b --raw'), /^one/)
  await nats.run('kv create CONFIG c', 'new')
  const again = await nats.try(['kv', 'create', 'CONFIG', 'c', 'again'])
  assert.notEqual(again.code, 0)
  assert.match(again.output, /wrong last sequence|key exists/i)
  await nats.run('kv update CONFIG c', 'updated', '2')
  const stale = await nats.try(['kv', 'update', 'CONFIG', 'c', 'stale', '1'])
  assert.notEqual(stale.code, 0)
  const history = await nats.run('kv history CONFIG c')
  assert.match(history, /new/)
  assert.match(history, /updated/)
  assert.match(await nats.run('kv ls CONFIG'), /a\.b[\s\S]*c/)
  assert.match(await nats.run('kv ls'), /CONFIG/)
  const watch = nats.start('kv watch CONFIG >')
  await watch.until(/updated/)
  await nats.run('kv put CONFIG d', 'watched')
  await watch.until(/d: watched/)
  await nats.run('kv del CONFIG d --force')
  await watch.until(/DEL.*CONFIG > d/)
  await watch.stop()
  assert.notEqual((await nats.try(['kv', 'get', 'CONFIG', 'd'])).code, 0)
  await nats.run('kv revert CONFIG c 2 --force')
  assert.match(await nats.run('kv get CONFIG c --raw'), /^new/)
  await nats.run('kv purge CONFIG c --force')
  await nats.run('kv compact CONFIG --force')
  assert.match(await nats.run('kv info CONFIG'), /CONFIG/)
  await nats.run('kv del CONFIG --force')
})

test('nats object: add, put, get, ls, info, watch, del, seal', async () => {
  const source = join(server.directory, 'object.bin')
  const target = join(server.directory, 'object.out')
  const bytes = randomBytes(3_000_000)
  writeFileSync(source, bytes)
  await nats.run('object add FILES --description=files')
  const watch = nats.start('object watch FILES')
  await new Promise((done) => setTimeout(done, 300))
  await nats.run('object put FILES --name=big --no-progress --force', source)
  await watch.until(/big/)
  await nats.run('object get FILES big --no-progress --force', '--output', target)
  assert.ok(readFileSync(target).equals(bytes), 'the object came back changed')
  assert.match(await nats.run('object ls FILES'), /big/)
  assert.match(await nats.run('object info FILES big'), /3\.0 MB|2\.9 MiB/i)
  assert.match(await nats.run('object ls'), /FILES/)
  await nats.run('object del FILES big --force')
  await watch.stop()
  assert.notEqual(
    (await nats.try(['object', 'get', 'FILES', 'big', '--no-progress', '--output', target])).code,
    0,
  )
  await nats.run('object put FILES --name=last --no-progress --force', source)
  await nats.run('object seal FILES --force')
  await nats.run('object del FILES --force')
})

test('nats bench: pub, sub, service, JetStream and kv', async () => {
  const few = '--msgs=2000 --no-progress'
  const listener = nats.start(`bench sub bench.core ${few}`)
  await new Promise((done) => setTimeout(done, 500))
  assert.match(await nats.run(`bench pub bench.core ${few}`), /msgs\/sec/)
  assert.match((await listener.end()).output, /msgs\/sec/)
  assert.match(await nats.run('bench js pub async bench.js --create --msgs=2000 --no-progress'), /msgs\/sec/)
  assert.match(await nats.run('bench js pub sync bench.js --msgs=200 --no-progress'), /msgs\/sec/)
  assert.match(
    await nats.run('bench js pub batch bench.js --msgs=200 --no-progress --batch=50 --create'),
    /msgs\/sec/,
  )
  assert.match(await nats.run('bench js ordered --msgs=2000 --no-progress'), /msgs\/sec/)
  assert.match(await nats.run('bench js consume --msgs=2000 --no-progress'), /msgs\/sec/)
  // Both use the same consumer, which has everything by now.
  await nats.run('bench js pub async bench.js --msgs=2000 --no-progress')
  assert.match(await nats.run('bench js fetch --msgs=2000 --no-progress'), /msgs\/sec/)
  assert.match(await nats.run('bench js get sync --msgs=500 --no-progress'), /msgs\/sec/)
  assert.match(await nats.run('bench js get batch --msgs=500 --no-progress'), /msgs\/sec/)
  assert.match(await nats.run('bench kv put --msgs=500 --no-progress'), /msgs\/sec/)
  assert.match(await nats.run('bench kv get --msgs=500 --no-progress'), /msgs\/sec/)
  const service = nats.start('bench service serve bench.service --no-progress')
  await new Promise((done) => setTimeout(done, 500))
  assert.match(await nats.run('bench service request bench.service --msgs=200 --no-progress'), /msgs\/sec/)
  await service.stop()
})
