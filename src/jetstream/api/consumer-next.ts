import type { JetStreamAccount } from '../account/account.ts'
import { sendNoResponders } from '../headers/status.ts'

/**
 * `CONSUMER.MSG.NEXT.<stream>.<name>`: asks for messages. Where there is no such consumer the client is told that nobody
 * answers, as by a server that has no subscription for it.
 */
export function consumerNext(
  account: JetStreamAccount,
  stream: string,
  name: string,
  reply: string,
  body: string,
): void {
  const consumer = account.streams.get(stream)?.consumers.get(name)
  if (consumer !== undefined) consumer.pull(reply, body)
  else if (reply !== '') {
    sendNoResponders(account.account, reply, `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`)
  }
}
