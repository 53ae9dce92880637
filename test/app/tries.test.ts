/** A try is counted when a handler failed, not when a message was delivered. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { App, type ConsumeOptions } from '../../src/app/index.ts'
import { restartableServer } from './servers.ts'
import { MemoryLog, until } from './support.ts'

type Handler = (data: unknown, context: { signal: AbortSignal }) => unknown
const RETENTION = { subjects: ['q.>'], retention: 'workqueue' } as const

/** A server with a work queue Q of so many messages; apps come and go. */
async function queueOf(t: Parameters<NonNullable<Parameters<typeof test>[0]>>[0], messages: number) {
  const server = await restartableServer()
  const nc = await connect({ servers: server.url })
  const jsm = await jetstreamManager(nc)
  await jsm.streams.add({ name: 'Q', subjects: ['q.>'], retention: 'workqueue' })
  for (let i = 0; i < messages; i++) await jsm.jetstream().publish('q.x', JSON.stringify(i))
  const apps: App[] = []
  t.after(async () => {
    for (const app of apps) await app.stop().catch(() => {})
    await nc.close()
    await server.dispose()
  })
  return {
    jsm,
    async app(options: ConsumeOptions, handler: Handler, stopTimeout: `${number}ms` = '5000ms') {
      const log = new MemoryLog()
      const app = new App({ servers: server.url }, { log, stopTimeout })
      apps.push(app)
      app.stream('Q', RETENTION).consume('q.>', { durable: 'd', ...options }, handler as never)
      await app.start()
      return Object.assign(app, { lines: log.lines })
    },
    left: async (name = 'Q') => (await jsm.streams.info(name)).state.messages,
  }
}

for (const deadLetter of [true, false]) {
  test(`stops cost no try, with dead letters ${deadLetter}`, async (t) => {
    const { app, left, jsm } = await queueOf(t, 20)
    const retry = { attempts: 3, deadLetter }
    for (let deploy = 0; deploy < 4; deploy++) {
      let hasBegun = false
      const release = await app(
        { retry },
        (_, { signal }) => {
          hasBegun = true
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        },
        '50ms',
      )
      await until(() => hasBegun)
      await release.stop()
      assert.equal(await left(), 20)
    }
    const handled = new Set<unknown>()
    await app({ retry }, (data) => handled.add(data))
    await until(async () => (await left()) === 0)
    assert.equal(handled.size, 20)
    if (deadLetter) assert.equal(await left('Q_DEAD'), 0)
    const tries = await jsm.streams.info('CONTRAIL_TRIES').catch(() => null)
    assert.equal(tries?.state.messages ?? 0, 0, 'nothing is remembered of what is settled')
  })
}

test('a message is tried as often as is said, over apps that come and go, and then given up with its reason', async (t) => {
  const { app, left, jsm } = await queueOf(t, 1)
  const retry = { attempts: 3, backoff: '5ms', deadLetter: true } as const
  let tries = 0
  for (let deploy = 0; deploy < 3; deploy++) {
    const before = tries
    const running = await app({ retry: { ...retry, backoff: deploy === 2 ? '5ms' : '300ms' } }, () => {
      tries++
      throw new Error(`no, ${tries}`)
    })
    await until(() => tries > before)
    await running.stop()
  }
  await until(async () => (await left()) === 0)
  assert.equal(tries, 3)
  const letter = await jsm.streams.getMessage('Q_DEAD', { last_by_subj: 'dead.Q.q.x' })
  assert.equal(letter?.header.get('Contrail-Dead-Letter-Reason'), 'no, 3')
})

test('what a handler throws because its app stopped is not its failure', async (t) => {
  for (const ack of ['reject-on-error', 'nack-on-error'] as const) {
    const { app, left } = await queueOf(t, 1)
    let hasBegun = false
    const retry = ack === 'nack-on-error' ? { retry: { attempts: 1 } } : {}
    const stopping = await app(
      { ack, ...retry },
      (_, { signal }) => {
        hasBegun = true
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      },
      '50ms',
    )
    await until(() => hasBegun)
    await stopping.stop()
    assert.equal(await left(), 1, ack)
    let handled = 0
    await app({ ack, ...retry }, () => handled++)
    // It was given back: nobody waits for its ack wait of 30 s.
    await until(() => handled === 1)
  }
})

test('at a stop only the running handler is waited for, and others have the rest at once', async (t) => {
  const { app, left } = await queueOf(t, 40)
  let done = 0
  const first = await app({}, async () => {
    await pause(150)
    done++
  })
  await until(() => done === 1)
  const others = new Set<unknown>()
  const begun = performance.now()
  const stopping = first.stop()
  await app({}, (data) => others.add(data))
  await stopping
  assert.ok(performance.now() - begun < 3000)
  await until(async () => (await left()) === 0)
  assert.ok(done <= 2, `${done} were handled by the one that stopped`)
  assert.equal(others.size + done, 40)
})

test('a letter is stored for each message that was given up, also when the stream is made again', async (t) => {
  const { app, left, jsm } = await queueOf(t, 0)
  for (let round = 0; round < 2; round++) {
    const running = await app({ retry: { attempts: 1, deadLetter: true } }, () => {
      throw new Error('no')
    })
    await jsm.jetstream().publish('q.x', `${round}`)
    await until(async () => (await left('Q_DEAD')) === round + 1)
    await running.stop()
    if (round === 0) await jsm.streams.delete('Q')
  }
})

test('a letter that can not be stored is tried again with the reason of the handler', async (t) => {
  const { app, left, jsm } = await queueOf(t, 1)
  // A full stream takes no letter for now.
  await jsm.streams.add({
    name: 'Q_DEAD',
    subjects: ['dead.Q.>'],
    max_msgs: 1,
    discard: 'new' as never,
  })
  await jsm.jetstream().publish('dead.Q.other', 'in the way')
  let tries = 0
  const running = await app({ retry: { attempts: 1, deadLetter: true } }, () => {
    tries++
    throw new Error('the handler does not like it')
  })
  await until(() => running.lines.some(({ sentence }) => sentence.includes('could not be stored')))
  await jsm.streams.purge('Q_DEAD')
  await until(async () => (await left()) === 0, 'it is given up', 15_000)
  const letter = await jsm.streams.getMessage('Q_DEAD', { last_by_subj: 'dead.Q.q.x' })
  assert.equal(letter?.header.get('Contrail-Dead-Letter-Reason'), 'the handler does not like it')
  assert.equal(tries, 1)
})
