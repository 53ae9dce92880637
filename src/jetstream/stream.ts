import type { Clock } from '../ports/index.ts'
import type { MessageLog } from '../storage/index.ts'
import type { JetStreamAccount } from './account.ts'
import type { Consumer } from './consumer/consumer.ts'
import type { JetStream } from './jetstream.ts'
import type { StreamConfig } from './types.ts'

/** One stream: its configuration, its log and its consumers. */
export class Stream {
  readonly name: string
  readonly account: JetStreamAccount
  readonly js: JetStream
  readonly clock: Clock
  readonly log: MessageLog
  readonly consumers = new Map<string, Consumer>()
  config: StreamConfig

  constructor(account: JetStreamAccount, log: MessageLog, config: StreamConfig) {
    this.account = account
    this.js = account.js
    this.clock = account.js.clock
    this.log = log
    this.name = config.name
    this.config = config
  }

  /** A consumer is done with a message: with workqueue and interest retention it goes when nobody else needs it. */
  settled(_consumer: Consumer, _seq: number): void {
    throw new Error('not yet')
  }
}
