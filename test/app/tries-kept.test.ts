/** What is written down of a message's tries holds: over restarts, for handlers that put messages back, and for who waits. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { AckPolicy, type JsMsg, jetstreamManager, RetentionPolicy } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { App, type BatchOptions, type ConsumeOptions } from '../../src/app/index.ts'
import { restartableServer } from './servers.ts'
import { MemoryLog, until } from './support.ts'

const RETENTION = { subjects: ['q.>'], retention: 'workqueue' } as const
type Tries = { failed: number; begun: number; reason?: string }

/** A server, and apps on it, which are stopped in the end. */
async function appsOnServer(t: TestContext) {
  const server = await restartableServer()
  const nc = await connect({ servers: server.url })
  const jsm = await jetstreamManager(nc)
  const apps: App[] = []
  t.after(async () => {
    for (const app of apps) await app.stop().catch(() => {})
    await nc.close()
    await server.dispose()
  })
  const make = () => {
    const log = new MemoryLog()
    const app = new App({ servers: server.url }, { log, stopTimeout: '5s' })
    apps.push(app)
    return Object.assign(app, { lines: log.lines })
  }
  return { nc, jsm, js: jsm.jetstream(), make }
}

/** A work queue Q of so many messages 0, 1, 2 …, and its durable consumer d. */
async function queueOf(t: TestContext, messages: number) {
  const { nc, jsm, js, make } = await appsOnServer(t)
  await jsm.streams.add({ name: 'Q', subjects: ['q.>'], retention: RetentionPolicy.Workqueue })
  await jsm.consumers.add('Q', { durable_name: 'd', ack_policy: AckPolicy.Explicit, filter_subject: 'q.>' })
  for (let i = 0; i < messages; i++) await js.publish('q.x', JSON.stringify(i))
  return {
    jsm,
    js,
    /** All are delivered once, as to a process that was killed with them; of some it is written down how that ended. */
    async deliveredBefore(tries: Record<number, Tries>) {
      const consumer = await js.consumers.get('Q', 'd')
      const keys: Array<[string, Tries]> = []
      const taken: JsMsg[] = []
      for (let i = 0; i < messages; i++) {
        const message = await consumer.next({ expires: 5000 })
        assert.ok(message !== null)
        const known = tries[message.json<number>()]
        // $JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<…>.<time>.<pending>, or with a domain and an account before
        const ack = (message as unknown as { msg: { reply: string } }).msg.reply.split('.').slice(-7)
        if (known !== undefined) keys.push([`contrail.tries.Q.d.${ack[3]}.${ack[5]}`, known])
        taken.push(message)
      }
      for (const message of taken) message.nak()
      await nc.flush()
      if (keys.length === 0) return
      await jsm.streams.add({
        name: 'CONTRAIL_TRIES',
        subjects: ['contrail.tries.>'],
        max_msgs_per_subject: 1,
        allow_direct: true,
      })
      for (const [key, known] of keys) await js.publish(key, JSON.stringify(known))
    },
    async consume(options: ConsumeOptions, handler: (data: number, context: never) => unknown) {
      const app = make()
      app.stream('Q', RETENTION).consume('q.>', { durable: 'd', ...options }, handler as never)
      await app.start()
      return app
    },
    async batches(options: BatchOptions, handler: (data: number[]) => unknown) {
      const app = make()
      app.stream('Q', RETENTION).consumeBatch('q.>', { durable: 'd', ...options }, handler as never)
      await app.start()
      return app
    },
    left: async (name = 'Q') => (await jsm.streams.info(name)).state.messages,
    letter: () => jsm.streams.getMessage('Q_DEAD', { last_by_subj: 'dead.Q.q.x' }),
  }
}

for (const concurrency of [1, 3]) {
  test(`what is handled alone holds up nothing behind it, concurrency ${concurrency}`, async (t) => {
    const { deliveredBefore, consume, left, js } = await queueOf(t, 6)
    await deliveredBefore({ 1: { failed: 0, begun: 1 }, 2: { failed: 0, begun: 1 } })
    const handled = new Set<number>()
    let running = 0
    let besideSuspects = 0
    await consume({ concurrency, retry: { attempts: 3 } }, async (data) => {
      running++
      if (data === 1 || data === 2) besideSuspects += running - 1
      await pause(10)
      if (data === 1 || data === 2) besideSuspects += running - 1
      running--
      handled.add(data)
    })
    await js.publish('q.x', '6')
    await until(() => handled.size === 7, 'each is handled')
    await until(async () => (await left()) === 0)
    assert.equal(besideSuspects, 0, 'and they were alone')
  })

  test(`batches go on behind a message whose process ended, concurrency ${concurrency}`, async (t) => {
    const { deliveredBefore, batches, left } = await queueOf(t, 8)
    await deliveredBefore({ 1: { failed: 0, begun: 1 } })
    const handled = new Set<number>()
    await batches({ concurrency, size: 2, wait: '20ms', retry: { attempts: 3 } }, (data) => {
      for (const one of data) handled.add(one)
    })
    await until(() => handled.size === 8, 'each is handled')
    await until(async () => (await left()) === 0)
  })
}

test('what waits for one that is alone is given back at a stop, and not begun', async (t) => {
  const { deliveredBefore, consume, left } = await queueOf(t, 5)
  await deliveredBefore({ 0: { failed: 0, begun: 1 } })
  const begun: number[] = []
  const app = await consume({ concurrency: 4, retry: { attempts: 3 } }, async (data) => {
    begun.push(data)
    await pause(150)
  })
  await until(() => begun.includes(0))
  const before = begun.length
  await app.stop()
  assert.equal(begun.length, before, `${begun} began`)
  assert.equal(await left(), 5 - begun.length)
})

for (const ack of ['nack-on-error', 'manual'] as const) {
  test(`a handler that puts a message back has tried it: attempts end, ack ${ack}`, async (t) => {
    const { consume, left, letter } = await queueOf(t, 1)
    let tries = 0
    const options = { ack, retry: { attempts: 3, deadLetter: true } } as const
    const put = (_: number, { message }: { message: { nack(): void } }) => {
      tries++
      message.nack()
    }
    await consume(options, put as never)
    await until(async () => (await left()) === 0, 'it is given up')
    assert.equal(tries, 3)
    assert.match((await letter())?.header.get('Contrail-Dead-Letter-Reason') ?? '', /put it back/)
  })
}

test('a failure that could not be written down for a while does not hide those after it', async (t) => {
  const { consume, left, jsm } = await queueOf(t, 1)
  // Somebody else's stream has the subjects.
  await jsm.streams.add({ name: 'OTHER', subjects: ['contrail.tries.>'], max_msg_size: 1 })
  let tries = 0
  const app = await consume({ retry: { attempts: 4, backoff: '100ms' } }, async () => {
    tries++
    if (tries === 2) await jsm.streams.delete('OTHER')
    throw new Error('no')
  })
  await until(async () => (await left()) === 0, 'it is given up', 8000)
  assert.equal(tries, 4)
  assert.ok(app.lines.some(({ sentence }) => sentence.includes('in this process only')))
})

test('a failure counts that was followed by a stop during its pause, where order is kept', async (t) => {
  const { consume, left } = await queueOf(t, 1)
  let tries = 0
  for (let deploy = 0; deploy < 3; deploy++) {
    const before = tries
    const retry = { attempts: 3, backoff: '60s' } as const
    const app = await consume({ orderBy: () => 'k', retry }, () => {
      tries++
      throw new Error('no')
    })
    await until(() => tries > before)
    if (deploy < 2) await until(() => app.lines.some(({ sentence }) => sentence.includes('trying again')))
    if (deploy < 2) await pause(100)
    if (deploy < 2) await app.stop()
  }
  await until(async () => (await left()) === 0, 'it is given up')
  assert.equal(tries, 3)
})

for (const options of [{ ack: 'reject-on-error' }, { orderBy: () => 'k', retry: { attempts: 1 } }] as const) {
  test(`a letter is stored later without a new try, ${JSON.stringify(options)}`, async (t) => {
    const { consume, left, letter, jsm, js } = await queueOf(t, 1)
    await jsm.streams.add({
      name: 'Q_DEAD',
      subjects: ['dead.Q.>'],
      max_msgs: 1,
      discard: 'new' as never,
    })
    await js.publish('dead.Q.other', 'in the way')
    let tries = 0
    const app = await consume({ ...options, retry: { attempts: 1, deadLetter: true } }, () => {
      throw new Error(`no, ${++tries}`)
    })
    await until(() => app.lines.some(({ sentence }) => sentence.includes('could not be stored')))
    await jsm.streams.purge('Q_DEAD')
    await until(async () => (await left()) === 0, 'it is given up', 15_000)
    assert.equal((await letter())?.header.get('Contrail-Dead-Letter-Reason'), 'no, 1')
    assert.equal(tries, 1)
  })
}

test('a durable consumer without acks handles at a stop what it has taken: nobody else would have it', async (t) => {
  const { make, js, jsm } = await limitsStream(t)
  for (let i = 0; i < 5; i++) await js.publish('n.x', `${i}`)
  const handled = new Set<number>()
  const app = make()
  app.stream('N', { subjects: ['n.>'] }).consume('n.>', { durable: 'n', ack: 'none' }, (async (
    data: number,
  ) => {
    await pause(20)
    handled.add(data)
  }) as never)
  await app.start()
  await until(() => handled.size > 0)
  await until(async () => (await jsm.consumers.info('N', 'n')).num_pending === 0)
  await app.stop()
  assert.equal(handled.size, 5)
})

async function limitsStream(t: TestContext) {
  const { jsm, js, make } = await appsOnServer(t)
  await jsm.streams.add({ name: 'N', subjects: ['n.>'] })
  return { make, jsm, js }
}
