import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Account, Turn } from '../../src/core/index.ts'
import { NO_ACCOUNT_LIMITS } from '../../src/jetstream/config/account-limits.ts'
import { withDefaults } from '../../src/jetstream/config/consumer/fields.ts'
import { DEFAULT_JETSTREAM_LIMITS } from '../../src/jetstream/config/limits.ts'
import { Consumer } from '../../src/jetstream/consumer/consumer.ts'
import { Consumers } from '../../src/jetstream/consumer/consumers.ts'
import { type ConsumedStream, createConsumer } from '../../src/jetstream/consumer/create.ts'
import { realClock } from '../../src/ports/real-clock.ts'
import { realFileSystem } from '../../src/ports/real-file-system.ts'
import { type MessageLog, Store } from '../../src/storage/index.ts'

/** A work queue on a real store, as a stream would run it. */
class Queue {
  readonly turn = new Turn()
  readonly clock = realClock
  readonly account = new Account('$G', { turn: this.turn, clock: this.clock } as never)
  readonly got: string[] = []
  readonly store: Store
  readonly log: MessageLog
  readonly stream: ConsumedStream

  constructor(store: Store) {
    this.store = store
    this.log = store.logs.get('$G/S') ?? store.createLog('$G/S', {}, { inMemory: false })
    const commit = { deferred: false, run: () => store.commit() }
    store.onNeedsCommit = () => this.turn.deferWork(commit)
    store.onCommitted = () => this.stream.consumers.committed()
    this.stream = {
      name: 'S',
      config: { name: 'S', subjects: ['s'], retention: 'workqueue', num_replicas: 1 },
      log: this.log,
      clock: this.clock,
      consumers: new Consumers(this.log),
      consumerDeleted: (consumer: Consumer) => this.stream.consumers.delete(consumer.name),
      account: this.account,
      wantedAnew: () => {},
      usage: { limits: NO_ACCOUNT_LIMITS },
      host: { store, domain: '', limits: DEFAULT_JETSTREAM_LIMITS },
      settled: (_consumer: Consumer, seq: number) => {
        if (this.log.remove(seq)) this.stream.consumers.removed(seq, this.log.removed)
        return true
      },
    } as ConsumedStream
    for (const ledger of this.log.ledgers.values()) {
      this.stream.consumers.set(ledger.name, Consumer.recover(this.stream, ledger))
    }
    this.account.subscribe('inbox', {
      onMessage: (message) => {
        if (message.replyEnd > 0) this.got.push(message.reply.toString('utf8', 0, message.replyEnd))
      },
    })
    this.account.subscribe('$JS.ACK.S.c.>', {
      onMessage: (message) => {
        this.stream.consumers.get('c')?.onAck(message, message.subjectStart + '$JS.ACK.S.c.'.length)
      },
    })
  }

  publish(count: number): void {
    const subject = Buffer.from('s')
    for (let i = 0; i < count; i++) {
      const seq = this.log.append(
        subject,
        0,
        1,
        Buffer.from('body'),
        0,
        0,
        4,
        Math.floor(Date.now() / 1000),
        i,
      )
      this.stream.consumers.stored(seq, subject, 0, 1)
    }
  }

  get consumer(): Consumer {
    return this.stream.consumers.get('c') as Consumer
  }

  /** Asks for messages and waits until that many came. */
  async fetch(count: number): Promise<string[]> {
    const from = this.got.length
    this.consumer.pull('inbox', JSON.stringify({ batch: count, expires: 5e9 }))
    while (this.got.length < from + count) await new Promise((resolve) => setTimeout(resolve, 1))
    return this.got.slice(from)
  }

  /** Acknowledges and waits for the confirmation. */
  confirm(ackSubject: string, body = '+ACK'): Promise<void> {
    return new Promise((resolve) => {
      const subscription = this.account.subscribe('confirmed', {
        onMessage: () => {
          subscription.unsubscribe()
          resolve()
        },
      })
      this.account.publishText(ackSubject, body, 'confirmed')
    })
  }
}

async function inDirectory(run: (open: () => Promise<Queue>) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'contrail-consumer-'))
  try {
    await run(
      async () => new Queue(await Store.open({ directory, fileSystem: realFileSystem, clock: realClock })),
    )
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

test('confirmed acks and what they removed survive a restart; the rest is delivered again', async () => {
  await inDirectory(async (open) => {
    const first = await open()
    createConsumer(
      first.stream,
      withDefaults({ durable_name: 'c', ack_policy: 'explicit', ack_wait: 50e6, metadata: { team: 'a' } }),
    )
    first.publish(2000)
    const replies = await first.fetch(500)
    await Promise.all(replies.filter((_, i) => i % 2 === 0).map((reply) => first.confirm(reply)))
    assert.equal(first.log.messages, 1750)
    const before = first.consumer.info()
    first.consumer.stop('409 Server Shutdown')
    await first.store.close()

    const second = await open()
    const after = second.consumer.info()
    assert.deepEqual(
      {
        ...after,
        ts: '',
        delivered: { ...after.delivered, last_active: '' },
        ack_floor: { ...after.ack_floor, last_active: '' },
      },
      {
        ...before,
        ts: '',
        delivered: { ...before.delivered, last_active: '' },
        ack_floor: { ...before.ack_floor, last_active: '' },
      },
    )
    assert.equal(second.log.messages, 1750)
    await new Promise((resolve) => setTimeout(resolve, 60))
    const again = await second.fetch(251)
    const seqs = again.map((reply) => Number(reply.split('.')[5]))
    assert.deepEqual(
      seqs.slice(0, 250),
      Array.from({ length: 250 }, (_, i) => 2 * (i + 1)),
    )
    assert.equal(seqs[250], 501)
    second.consumer.stop('')
    await second.store.close()
  })
})

test('a checkpoint makes the state of a consumer anew after whatever it does, and not after nothing', async () => {
  await inDirectory(async (open) => {
    const first = await open()
    createConsumer(
      first.stream,
      withDefaults({ durable_name: 'c', ack_policy: 'explicit', ack_wait: 5e9, filter_subject: 's' }),
    )
    const ledger = first.log.ledgers.get('c')
    assert.ok(ledger)
    const isAsBefore = (): boolean => ledger.isUnchanged?.() === true
    const checkpoint = (): string => {
      ledger.beforeCapture?.()
      return ledger.captured()
    }
    checkpoint()
    assert.ok(isAsBefore())
    first.publish(3)
    assert.ok(isAsBefore(), 'what is published changes nothing')

    const [reply] = await first.fetch(2)
    assert.ok(!isAsBefore(), 'delivered')
    checkpoint()
    assert.ok(isAsBefore())

    await first.confirm(reply)
    assert.ok(!isAsBefore(), 'acknowledged')
    const text = checkpoint()
    assert.equal(checkpoint(), text)

    const before = first.consumer.info()
    first.consumer.stop('409 Server Shutdown')
    await first.store.close()
    const second = await open()
    const after = second.consumer.info()
    assert.equal(after.delivered.stream_seq, before.delivered.stream_seq)
    assert.equal(after.num_ack_pending, 1)
    second.consumer.stop('')
    await second.store.close()
  })
})

test('a consumer that was deleted stays away after a restart', async () => {
  await inDirectory(async (open) => {
    const first = await open()
    createConsumer(
      first.stream,
      withDefaults({ durable_name: 'c', ack_policy: 'explicit', filter_subject: 's' }),
    )
    createConsumer(
      first.stream,
      withDefaults({ name: 'm', ack_policy: 'explicit', mem_storage: true, filter_subject: 't' }),
      '',
    )
    first.publish(1)
    await first.fetch(1)
    first.consumer.delete()
    await new Promise<void>((resolve) => first.store.barrier(resolve))
    for (const consumer of first.stream.consumers.values()) consumer.stop('')
    await first.store.close()
    const second = await open()
    assert.equal(second.stream.consumers.size, 0)
    await second.store.close()
  })
})
