import type { Account } from '../core/index.ts'
import type { JetStream } from './jetstream.ts'
import type { Stream } from './stream.ts'

/** JetStream of one account: its streams, and its API. */
export class JetStreamAccount {
  readonly js: JetStream
  readonly account: Account
  readonly streams = new Map<string, Stream>()

  constructor(js: JetStream, account: Account) {
    this.js = js
    this.account = account
  }
}
