/** Mirrors and sources of a whole JetStream. What the comparison with nats-server shows (test/peers) is not shown again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backup, restore } from './backups.ts'
import { errorOf, House, type Json } from './house.ts'

const ORIGIN = { name: 'O', subjects: ['o.*'], allow_direct: true }

async function fill(house: House, from: number, to: number): Promise<void> {
  for (let i = from; i <= to; i++) await house.publish(`o.${i % 3}`, `m${i}`)
}

/** Lets time pass until the stream is so far. */
async function until(
  house: House,
  stream: string,
  isSo: (state: Json, info: Json) => boolean,
): Promise<Json> {
  for (let i = 0; i < 400; i++) {
    const info = await house.api(`STREAM.INFO.${stream}`)
    if (isSo(info.state as Json, info)) return info.state as Json
    await house.pass(100)
  }
  assert.fail(`${stream} did not come so far: ${JSON.stringify(await house.api(`STREAM.INFO.${stream}`))}`)
}

async function contents(house: House, stream: string): Promise<string[]> {
  const { last_seq: last, first_seq: first } = await house.state(stream)
  const found: string[] = []
  for (let seq = first as number; seq <= (last as number); seq++) {
    const { message } = (await house.api(`STREAM.MSG.GET.${stream}`, { seq })) as { message?: Json }
    if (message === undefined) continue
    found.push(`${seq} ${message.subject} ${Buffer.from(message.data as string, 'base64')}`)
  }
  return found
}

function times(house: House, stream: string, seqs: number[]): Promise<unknown[]> {
  return Promise.all(
    seqs.map(async (seq) => ((await house.api(`STREAM.MSG.GET.${stream}`, { seq })).message as Json).time),
  )
}

test('a mirror has the sequences, times and gaps of its origin, before and after restarts', async () => {
  let house = await House.open()
  await house.stream(ORIGIN)
  await fill(house, 1, 5)
  await house.pass(500)
  await fill(house, 6, 9)
  await house.api('STREAM.MSG.DELETE.O', { seq: 4 })
  await house.stream({ name: 'M', mirror: { name: 'O' } })
  await until(house, 'M', (state) => state.last_seq === 9)
  assert.deepEqual(await contents(house, 'M'), await contents(house, 'O'))
  assert.deepEqual(await times(house, 'M', [1, 5, 6, 9]), await times(house, 'O', [1, 5, 6, 9]))
  house = await house.restart()
  await fill(house, 10, 12)
  await until(house, 'M', (state) => state.last_seq === 12)
  house = await house.crash()
  await fill(house, 13, 14)
  await until(house, 'M', (state) => state.last_seq === 14)
  assert.deepEqual(await contents(house, 'M'), await contents(house, 'O'))
})

test('how far a source has come is known when all that was copied is gone', async () => {
  let house = await House.open()
  await house.stream(ORIGIN)
  await fill(house, 1, 9)
  await house.stream({ name: 'S', sources: [{ name: 'O' }, { name: 'O', filter_subject: 'o.1' }] })
  await until(house, 'S', (state) => state.last_seq === 12)
  await house.api('STREAM.PURGE.S')
  for (const again of ['restart', 'crash', 'restart'] as const) {
    house = await house[again]()
    await house.pass(3000)
    assert.equal((await house.state('S')).last_seq, 12, `after a ${again}`)
  }
  await house.publish('o.2', 'new')
  await until(house, 'S', (state) => state.last_seq === 13)
  assert.deepEqual(await contents(house, 'S'), ['13 o.2 new'])
})

test('what a checkpoint keeps of positions is what counts', async () => {
  let house = await House.open()
  await house.stream(ORIGIN)
  await house.stream({ name: 'S', sources: [{ name: 'O' }], max_msgs: 1 })
  await fill(house, 1, 20)
  await until(house, 'S', (state) => state.last_seq === 20)
  // Stopping in good order writes one.
  house = await house.restart()
  await fill(house, 21, 25)
  await until(house, 'S', (state) => state.last_seq === 25)
  house = await house.crash()
  await house.pass(3000)
  assert.equal((await house.state('S')).last_seq, 25)
})

test('a source that is taken out and put back goes on where it was', async () => {
  const house = await House.open()
  await house.stream(ORIGIN)
  await house.stream({ name: 'S', subjects: ['own'], sources: [{ name: 'O' }] })
  await fill(house, 1, 3)
  await until(house, 'S', (state) => state.last_seq === 3)
  await house.api('STREAM.UPDATE.S', { name: 'S', subjects: ['own'] })
  await fill(house, 4, 5)
  await house.pass(3000)
  assert.equal((await house.state('S')).last_seq, 3)
  await house.api('STREAM.UPDATE.S', { name: 'S', subjects: ['own'], sources: [{ name: 'O' }] })
  await until(house, 'S', (state) => state.last_seq === 5)
  assert.deepEqual(
    (await contents(house, 'S')).map((line) => line.split(' ')[2]),
    ['m1', 'm2', 'm3', 'm4', 'm5'],
  )
})

for (const again of ['at once', 'after a restart'] as const) {
  test(`an origin that was made anew is sourced from its beginning (${again})`, async () => {
    let house = await House.open()
    await house.stream(ORIGIN)
    await fill(house, 1, 5)
    await house.stream({ name: 'S', sources: [{ name: 'O' }] })
    await house.stream({ name: 'M', mirror: { name: 'O' } })
    await until(house, 'S', (state) => state.last_seq === 5)
    await house.api('STREAM.DELETE.O')
    if (again === 'after a restart') house = await house.restart()
    // Later, so that it is another stream by its time.
    await house.pass(100)
    await house.stream(ORIGIN)
    await fill(house, 11, 13)
    await until(house, 'S', (state) => state.last_seq === 8)
    assert.deepEqual((await contents(house, 'S')).slice(5), ['6 o.2 m11', '7 o.0 m12', '8 o.1 m13'])
    // A mirror goes by sequences: those it has stay, and what is behind them comes.
    await fill(house, 14, 17)
    await until(house, 'M', (state) => state.last_seq === 7)
    assert.deepEqual((await contents(house, 'M')).slice(4), ['5 o.2 m5', '6 o.1 m16', '7 o.2 m17'])
    house = await house.crash()
    await house.pass(3000)
    assert.equal((await house.state('S')).last_seq, 12)
  })
}

test('an origin that goes is missed, and found when it is there again', async () => {
  const house = await House.open()
  await house.stream(ORIGIN)
  await house.stream({ name: 'M', mirror: { name: 'O' } })
  await fill(house, 1, 2)
  await until(house, 'M', (state) => state.last_seq === 2)
  await house.api('STREAM.DELETE.O')
  await until(house, 'M', (_, info) => ((info.mirror as Json).error as Json | undefined)?.err_code === 10059)
  await house.stream({ ...ORIGIN, first_seq: 3 })
  await fill(house, 3, 3)
  // No longer than it takes to ask, however often it failed before.
  await house.pass(1)
  await house.pass(1)
  assert.equal((await house.state('M')).last_seq, 3)
})

test('a stream that comes back from a backup goes on where it was', async () => {
  const house = await House.open()
  await house.stream(ORIGIN)
  await fill(house, 1, 6)
  await house.stream({ name: 'S', sources: [{ name: 'O' }] })
  await until(house, 'S', (state) => state.last_seq === 6)
  const { answer, chunks } = await backup(house, 'S', { chunk_size: 1024, window_size: 2048 })
  await house.api('STREAM.DELETE.S')
  await fill(house, 7, 8)
  const restored = await restore(house, answer, chunks)
  assert.equal(restored.error, undefined, JSON.stringify(restored))
  await until(house, 'S', (state) => state.last_seq === 8)
  await house.pass(3000)
  assert.deepEqual(
    (await contents(house, 'S')).map((line) => line.split(' ')[2]),
    [1, 2, 3, 4, 5, 6, 7, 8].map((i) => `m${i}`),
  )
})

test('counters of several streams add up, also when values have to be read from disk', async () => {
  let house = await House.open()
  const counters = { allow_msg_counter: true, allow_direct: true }
  for (const name of ['A', 'B']) {
    await house.stream({ name, subjects: [`${name}.*`], ...counters })
    for (let i = 1; i <= 3; i++) await house.publish(`${name}.x`, '', [`Nats-Incr: ${i}`])
  }
  const sources = ['A', 'B'].map((name) => ({
    name,
    subject_transforms: [{ src: `${name}.*`, dest: 'sum.{{wildcard(1)}}' }],
  }))
  await house.stream({ name: 'SUM', sources, ...counters })
  await until(house, 'SUM', (state) => state.last_seq === 6)
  house = await house.restart()
  await house.publish('A.x', '', ['Nats-Incr: 10'])
  await until(house, 'SUM', (state) => state.last_seq === 7)
  assert.deepEqual((await contents(house, 'SUM')).slice(6), ['7 sum.x {"val":"22"}'])
})

test('a transform without a source takes everything', async () => {
  const house = await House.open()
  await house.stream(ORIGIN)
  await fill(house, 1, 2)
  await house.stream({ name: 'S', sources: [{ name: 'O', subject_transforms: [{ src: '', dest: 'x.>' }] }] })
  await until(house, 'S', (state) => state.last_seq === 2)
  assert.deepEqual(await contents(house, 'S'), ['1 x.o.1 m1', '2 x.o.2 m2'])
})

test('consumers of copies count for no limit, and are shown to nobody', async () => {
  const house = await House.open()
  await house.stream({ ...ORIGIN, max_consumers: 1 })
  for (let i = 0; i < 5; i++) await house.stream({ name: `S${i}`, sources: [{ name: 'O' }] })
  await fill(house, 1, 1)
  for (let i = 0; i < 5; i++) await until(house, `S${i}`, (state) => state.last_seq === 1)
  assert.equal((await house.state('O')).consumer_count, 0)
  assert.equal((await house.api('CONSUMER.LIST.O')).total, 0)
  const made = await house.api('CONSUMER.CREATE.O.c', {
    stream_name: 'O',
    config: { durable_name: 'c', ack_policy: 'explicit' },
  })
  assert.equal(errorOf(made), null)
})

test('what a work queue has given to a copy is on disk there before it goes', async () => {
  let house = await House.open()
  await house.stream({ ...ORIGIN, retention: 'workqueue', allow_direct: false })
  await house.stream({ name: 'S', sources: [{ name: 'O' }] })
  for (let round = 0; round < 6; round++) {
    await fill(house, round * 10 + 1, round * 10 + 10)
    await house.pass(round % 2 === 0 ? 1100 : 1)
    house = await house.crash()
  }
  await until(house, 'S', (state) => state.last_seq === 60)
  await until(house, 'O', (state) => state.messages === 0)
  const bodies = (await contents(house, 'S')).map((line) => line.split(' ')[2])
  assert.equal(new Set(bodies).size, 60)
})

test('a work queue keeps for its own consumer what a source has copied, over a restart too', async () => {
  let house = await House.open()
  await house.stream({ ...ORIGIN, retention: 'workqueue', allow_direct: false })
  const config = { durable_name: 'c', ack_policy: 'explicit' }
  await house.api('CONSUMER.CREATE.O.c', { stream_name: 'O', config })
  await fill(house, 1, 3)
  await house.stream({ name: 'S', sources: [{ name: 'O' }] })
  const take = async (count: number): Promise<void> => {
    const replies: string[] = []
    const inbox = house.bus.account('$G').subscribe('in', {
      onMessage: ({ reply, replyStart, replyEnd }) =>
        replies.push(reply.toString('utf8', replyStart, replyEnd)),
    })
    house.send('$JS.API.CONSUMER.MSG.NEXT.O.c', JSON.stringify({ batch: count }), [], 'in')
    await house.pass(10)
    inbox.unsubscribe()
    assert.equal(replies.length, count)
    for (const reply of replies) await house.ask(reply, '+ACK')
  }
  await until(house, 'S', (state) => state.last_seq === 3)
  for (let i = 0; i < 8; i++) await house.pass(1000)
  assert.equal((await house.state('O')).messages, 3)
  await take(1)
  assert.equal((await house.state('O')).messages, 2)
  house = await house.restart()
  await until(house, 'S', (_, { sources }) => ((sources as Json[])[0].active as number) >= 0)
  await take(2)
  assert.equal((await house.state('O')).messages, 0)
  await fill(house, 4, 4)
  await take(1)
  await until(house, 'S', (state) => state.last_seq === 4)
  await until(house, 'O', (state) => state.messages === 0)
})

for (const between of ['', ', after a restart', ', after a power failure']) {
  test(`what a work queue kept only for a source goes with the source, and nothing else${between}`, async () => {
    let house = await House.open()
    await house.stream({ ...ORIGIN, retention: 'workqueue', allow_direct: false })
    const config = { durable_name: 'c', ack_policy: 'explicit', filter_subject: 'o.1' }
    await house.api('CONSUMER.CREATE.O.c', { stream_name: 'O', config })
    const to = { name: 'S', subjects: ['own'], max_msgs: 1, discard: 'new' }
    await house.stream({ ...to, sources: [{ name: 'O' }] })
    // The stream with the source takes one, and has room for no more.
    for (let i = 0; i < 4; i++) for (const subject of ['o.0', 'o.1']) await house.publish(subject, `m${i}`)
    await until(house, 'S', (state) => state.messages === 1)
    const replies: string[] = []
    house.bus.account('$G').subscribe('in', {
      onMessage: ({ reply, replyStart, replyEnd }) =>
        replies.push(reply.toString('utf8', replyStart, replyEnd)),
    })
    house.send('$JS.API.CONSUMER.MSG.NEXT.O.c', JSON.stringify({ batch: 3 }), [], 'in')
    await house.pass(10)
    for (const reply of replies) await house.ask(reply, '+ACK')
    const left = async (): Promise<unknown> => (await house.state('O', { subjects_filter: '>' })).subjects
    assert.equal(((await left()) as Json)['o.1'], 4, 'the source needs them')
    if (between !== '') house = await (between.includes('power') ? house.crash() : house.restart())
    assert.equal(errorOf(await house.api('STREAM.UPDATE.S', { ...to, sources: [] })), null)
    await until(house, 'O', (state) => (state.messages as number) <= 5)
    await house.pass(10)
    // One is nobody's and one is to be delivered still.
    assert.equal(((await left()) as Json)['o.1'], 1)
    assert.ok((((await left()) as Json)['o.0'] as number) >= 3, 'what no consumer has taken stays')
  })
}

test('a work queue keeps no consumer of sources that are taken out, and those that stay go on', async () => {
  let house = await House.open()
  const consumers = async (): Promise<number> =>
    ((await house.api('CONSUMER.NAMES.O')).consumers as unknown[]).length
  const update = async (sources: string[]): Promise<Json> =>
    house.api('STREAM.UPDATE.S', {
      name: 'S',
      subjects: ['own'],
      sources: sources.map((subject) => ({ name: 'O', filter_subject: subject })),
    })
  await house.stream({ ...ORIGIN, retention: 'workqueue', allow_direct: false })
  await house.stream({ name: 'S', subjects: ['own'] })
  for (const sources of [['o.0', 'o.1'], ['o.0'], ['o.0', 'o.2'], ['o.2']]) {
    assert.equal(errorOf(await update(sources)), null)
    await until(house, 'S', (_, { sources: followed }) =>
      (followed as Json[]).every(({ active, error }) => (active as number) >= 0 && error === undefined),
    )
    assert.equal(await consumers(), sources.length, String(sources))
    // Some of it is not acknowledged when the sources are others.
    for (const subject of sources) for (let i = 0; i < 5; i++) await house.publish(subject, `m${i}`)
    await until(house, 'S', (_, { sources: followed }) => (followed as Json[]).every(({ lag }) => lag === 0))
  }
  await until(house, 'S', (state) => state.last_seq === 30)
  house = await house.restart()
  await house.publish('o.2', 'last')
  await until(house, 'S', (state) => state.last_seq === 31)
  // What one that was taken out had not acknowledged is left; of the one that stayed nothing is.
  for (let i = 0; i < 15; i++) await house.pass(1000)
  assert.deepEqual((await house.state('O', { subjects_filter: 'o.2' })).subjects ?? {}, {})
  await update([])
  assert.equal(await consumers(), 0)
})

test('a source that begins behind all sequences there can be is followed', async () => {
  const house = await House.open()
  await house.stream(ORIGIN)
  for (const [name, what] of [
    ['M', '"mirror":{"name":"O","opt_start_seq":18446744073709551615}'],
    ['S', '"sources":[{"name":"O","opt_start_seq":18446744073709551615}]'],
  ]) {
    assert.equal(errorOf(await house.api(`STREAM.CREATE.${name}`, `{"name":"${name}",${what}}`)), null)
    await house.pass(3000)
    const info = await house.api(`STREAM.INFO.${name}`)
    const [followed] = [info.mirror ?? info.sources].flat() as Json[]
    assert.equal(followed.error, undefined)
    assert.ok((followed.active as number) >= 0)
  }
})

test('many that copy from one stream do not all ask at once when it is made', async () => {
  const house = await House.open()
  for (let i = 0; i < 100; i++) await house.stream({ name: `M${i}`, mirror: { name: 'O' } })
  await house.pass(1000)
  const asked = house.listen('$JS.API.CONSUMER.CREATE.O')
  await house.stream(ORIGIN)
  await house.pass(1)
  assert.ok(asked.length > 0 && asked.length <= 20, `${asked.length} at once`)
  await house.publish('o.1', 'm')
  for (let i = 0; i < 100; i++) await until(house, `M${i}`, (state) => state.last_seq === 1)
})

test('a stream of its own after being a mirror stays one', async () => {
  let house = await House.open()
  await house.stream(ORIGIN)
  await house.stream({ name: 'M', mirror: { name: 'O' } })
  await fill(house, 1, 2)
  await until(house, 'M', (state) => state.last_seq === 2)
  assert.equal(errorOf(await house.api('STREAM.UPDATE.M', { name: 'M', subjects: ['mine'] })), null)
  house = await house.restart()
  await fill(house, 3, 3)
  assert.equal((await house.publish('mine', 'x')).seq, 3)
  await house.pass(3000)
  assert.deepEqual(
    (await contents(house, 'M')).map((line) => line.split(' ')[2]),
    ['m1', 'm2', 'x'],
  )
  assert.equal((await house.api('STREAM.INFO.M')).mirror, undefined)
})
