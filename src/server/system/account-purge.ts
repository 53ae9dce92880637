import type { Account, InternalSubscription, Message } from '../../core/index.ts'
import type { MonitoredServer } from '../monitor/monitored-server.ts'

const SUBJECT = '$JS.API.ACCOUNT.PURGE'
const TYPE = 'io.nats.jetstream.api.v1.account_purge_response'
const BAD_NAME = { code: 500, err_code: 10051, description: 'account name can not contain path separators' }

/** `$JS.API.ACCOUNT.PURGE.<account>`, asked by the system account: all streams of the account go, whether it is known or not. */
export function servePurges(server: MonitoredServer, system: Account): InternalSubscription {
  const onMessage = (message: Message): void => {
    const subject = message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
    const reply = message.reply.toString('utf8', message.replyStart, message.replyEnd)
    const answer = (body: object): void => {
      if (reply !== '' && !server.bus.isClosed)
        system.publishText(reply, JSON.stringify({ type: TYPE, ...body }))
    }
    const name = subject.slice(SUBJECT.length + 1)
    if (/[\\/]/.test(name)) {
      answer({ error: BAD_NAME, initiated: false })
      return
    }
    // Null while it is opened.
    const streams = server.jetstream?.purgeAccount(name, () => answer({ initiated: true })) ?? 0
    server.bus.log('info', `Purge request for account ${name} (streams: ${streams})`)
  }
  return system.subscribe(`${SUBJECT}.*`, { onMessage })
}
