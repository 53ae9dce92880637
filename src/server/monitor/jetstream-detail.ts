/** One account with JetStream, its streams and consumers: as /jsz and `$SYS.REQ.ACCOUNT.<account>.JSZ` show them. */
import {
  type Consumer,
  type JetStreamAccount,
  type Stream,
  storedConfig,
  streamState,
} from '../../jetstream/index.ts'
import { goTime, NO_LIMIT } from './go-text.ts'

/** What /jsz was asked to show. */
export interface DetailsWanted {
  streams: boolean
  consumers: boolean
  config: boolean
}

/** One account of /jsz. */
export function jetstreamDetail(account: JetStreamAccount, wanted: DetailsWanted): Record<string, unknown> {
  const { name, nameTag } = account.account
  const { usage } = account
  const limits = usage.hasTiers ? null : usage.limitsOrNone
  return {
    name: nameTag,
    id: name,
    memory: usage.memory,
    storage: usage.storage,
    reserved_memory: unsigned(limits?.maxMemory ?? 0),
    reserved_storage: unsigned(limits?.maxStore ?? 0),
    accounts: 0,
    ha_assets: 0,
    api: { level: 0, total: account.apiTotal, errors: account.apiErrors },
    ...(wanted.streams && account.streams.size > 0
      ? { stream_detail: [...account.streams.values()].map((stream) => streamDetail(stream, wanted)) }
      : {}),
  }
}

/** As Go shows a number below 0 that it takes for one without a sign. */
function unsigned(value: number): number {
  return value < 0 ? NO_LIMIT : value
}

function streamDetail(stream: Stream, wanted: DetailsWanted): Record<string, unknown> {
  return {
    name: stream.name,
    created: goTime(stream.createdMs),
    cluster: { leader: stream.host.serverName },
    ...(wanted.config ? { config: storedConfig(stream) } : {}),
    state: streamState(stream),
    ...(wanted.consumers && stream.consumers.size > 0
      ? {
          consumer_detail: [...stream.consumers.values()].map((consumer) => consumerDetail(consumer, wanted)),
        }
      : {}),
  }
}

function consumerDetail(consumer: Consumer, wanted: DetailsWanted): Record<string, unknown> {
  const { config, ...rest } = consumer.info()
  return wanted.config ? { ...rest, config } : rest
}
