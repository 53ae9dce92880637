import type { MessageLog } from '../storage/index.ts'
import type { JetStreamAccount } from './account/account.ts'
import { streamOfIds } from './publish/msg-id-log.ts'
import { eventHead } from './stream/advisories.ts'
import type { StreamHost } from './stream/host.ts'

export type Log = (level: 'error' | 'info' | 'warn', text: string) => void

/** Damage that is found by reading is told after so long, all of a stream at once, milliseconds. */
const TELL_AFTER_MS = 100
/** Sequences named in one advisory. */
const MOST_NAMED = 100

/** Tells what becomes of the store: no space, a failed disk, damaged messages. In the log, and on `$JS.EVENT.ADVISORY.…`. */
export class StoreWatch {
  private readonly host: StreamHost
  private readonly accounts: ReadonlyMap<string, JetStreamAccount>
  private readonly log: Log
  /** Nothing is told any more. */
  isClosed = false
  private readonly damaged = new Set<MessageLog>()

  constructor(host: StreamHost, accounts: ReadonlyMap<string, JetStreamAccount>, log: Log) {
    this.host = host
    this.accounts = accounts
    this.log = log
  }

  failed(error: Error): void {
    this.log('error', `JetStream takes no more messages: ${error.message}`)
    this.advise('SERVER.STORE_FAILED', 'io.contrail.jetstream.advisory.v1.store_failed', {
      error: error.message,
    })
  }

  /** nats-server tells the same, and then switches JetStream off. */
  short(error: Error): void {
    this.log('error', `JetStream takes no messages until there is space: ${error.message}`)
    this.advise('SERVER.OUT_OF_STORAGE', 'io.nats.jetstream.advisory.v1.server_out_of_space', {})
  }

  relieved(): void {
    this.log('info', 'JetStream takes messages again')
    this.advise('SERVER.STORAGE_AVAILABLE', 'io.contrail.jetstream.advisory.v1.storage_available', {})
  }

  /** Messages turned out to be damaged. */
  lost(log: MessageLog): void {
    if (this.damaged.size === 0) this.host.clock.setTimer(() => this.tellDamage(), TELL_AFTER_MS)
    this.damaged.add(log)
  }

  private tellDamage(): void {
    const damaged = [...this.damaged]
    this.damaged.clear()
    if (this.isClosed) return
    for (const { name, lost } of damaged) {
      const lostNow = lost.count - lost.told
      if (lostNow <= 0) continue
      lost.told = lost.count
      const idsOf = streamOfIds(name)
      if (idsOf !== null) {
        this.log(
          'error',
          `stream ${idsOf}: some message ids of its duplicate window are lost to damage on the disk`,
        )
        continue
      }
      const slash = name.lastIndexOf('/')
      const stream = name.slice(slash + 1)
      const sequences = lost.sequences.slice(-lostNow).slice(0, MOST_NAMED)
      this.log(
        'error',
        `stream ${name}: ${lostNow} messages are lost to damage on the disk (${sequences.join(', ')})`,
      )
      this.advise(
        `STREAM.MESSAGES_LOST.${stream}`,
        'io.contrail.jetstream.advisory.v1.stream_messages_lost',
        { account: name.slice(0, slash), stream, lost: lostNow, lost_in_all: lost.count, sequences },
        name.slice(0, slash),
      )
    }
  }

  private advise(subject: string, type: string, details: Record<string, unknown>, account?: string): void {
    const { host } = this
    const text = JSON.stringify({
      ...eventHead(type, host.clock.now()),
      ...(details.stream === undefined ? { server: host.serverName, server_id: host.serverId } : {}),
      ...details,
      ...(host.domain === '' ? {} : { domain: host.domain }),
    })
    for (const each of this.accounts.values()) {
      if (account === undefined || each.account.name === account) {
        each.account.publishText(`$JS.EVENT.ADVISORY.${subject}`, text)
      }
    }
  }
}
