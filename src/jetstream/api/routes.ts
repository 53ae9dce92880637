import { apiError } from '../config/errors.ts'
import { accountInfo } from './account-info.ts'
import { CONSUMER_CREATE_TYPE, createDurable, createNewStyle } from './consumer-create.ts'
import {
  CONSUMER_INFO_TYPE,
  CONSUMER_LIST_TYPE,
  CONSUMER_NAMES_TYPE,
  consumerInfoRequest,
  consumerListRequest,
  consumerNamesRequest,
} from './consumer-info.ts'
import {
  CONSUMER_DELETE_TYPE,
  CONSUMER_PAUSE_TYPE,
  CONSUMER_RESET_TYPE,
  CONSUMER_UNPIN_TYPE,
  consumerDeleteRequest,
  consumerPauseRequest,
  consumerResetRequest,
  consumerUnpinRequest,
} from './consumer-manage.ts'
import { deleteMessage } from './message-delete.ts'
import { getMessage } from './message-get.ts'
import type { ApiRequest } from './request.ts'
import { restoreStream, snapshotStream } from './stream-backup.ts'
import { createStream, updateStream } from './stream-create.ts'
import { deleteStream } from './stream-delete.ts'
import { streamInfoRequest } from './stream-info.ts'
import { listStreams, nameStreams } from './stream-list.ts'
import { purgeStream } from './stream-purge.ts'

/** One verb of the API. */
export interface ApiRoute {
  /** Tokens of the verb, and how many may follow. */
  path: readonly string[]
  arity: readonly [least: number, most: number]
  /** Type of the response, without its common beginning. */
  type: string
  /** Returns the response without its type, or throws ApiError. */
  handle(request: ApiRequest): object | Promise<object>
  /** Fields that a response with an error has all the same. */
  empty?: object
  /** Writes to the store. */
  changes?: boolean
  /** Reads messages: handled when all that was stored before is durable. */
  waits?: boolean
  /** Answers are neither counted nor audited, as nats-server does. */
  isQuiet?: boolean
}

const PAGE = { total: 0, offset: 0, limit: 0 }

function clusterOnly(): never {
  throw apiError('JSClusterRequiredErr')
}

const list: (Omit<ApiRoute, 'arity' | 'path'> & { verb: string; tokens?: number | [number, number] })[] = [
  { verb: 'INFO', type: 'account_info_response', handle: accountInfo },
  { verb: 'STREAM.CREATE', tokens: 1, type: 'stream_create_response', handle: createStream, changes: true },
  { verb: 'STREAM.UPDATE', tokens: 1, type: 'stream_update_response', handle: updateStream, changes: true },
  { verb: 'STREAM.INFO', tokens: 1, type: 'stream_info_response', handle: streamInfoRequest, empty: PAGE },
  {
    verb: 'STREAM.NAMES',
    type: 'stream_names_response',
    handle: nameStreams,
    empty: { ...PAGE, streams: null },
  },
  { verb: 'STREAM.LIST', type: 'stream_list_response', handle: listStreams, empty: { ...PAGE, streams: [] } },
  { verb: 'STREAM.DELETE', tokens: 1, type: 'stream_delete_response', handle: deleteStream, changes: true },
  {
    verb: 'STREAM.PURGE',
    tokens: 1,
    type: 'stream_purge_response',
    handle: purgeStream,
    empty: { purged: 0 },
    changes: true,
  },
  {
    verb: 'STREAM.MSG.GET',
    tokens: 1,
    type: 'stream_msg_get_response',
    handle: getMessage,
    waits: true,
    isQuiet: true,
  },
  {
    verb: 'STREAM.MSG.DELETE',
    tokens: 1,
    type: 'stream_msg_delete_response',
    handle: deleteMessage,
    changes: true,
  },
  { verb: 'STREAM.SNAPSHOT', tokens: 1, type: 'stream_snapshot_response', handle: snapshotStream },
  {
    verb: 'STREAM.RESTORE',
    tokens: 1,
    type: 'stream_restore_response',
    handle: restoreStream,
    empty: { deliver_subject: '' },
  },
  { verb: 'STREAM.PEER.REMOVE', tokens: 1, type: 'stream_remove_peer_response', handle: clusterOnly },
  { verb: 'STREAM.PEER.EVACUATE', tokens: 1, type: 'stream_evacuate_peer_response', handle: clusterOnly },
  { verb: 'STREAM.CANCEL_MOVE', tokens: 1, type: 'stream_cancel_move_response', handle: clusterOnly },
  { verb: 'CONSUMER.PEER.EVACUATE', tokens: 2, type: 'consumer_evacuate_peer_response', handle: clusterOnly },
  { verb: 'STREAM.LEADER.STEPDOWN', tokens: 1, type: 'stream_leader_stepdown_response', handle: clusterOnly },
  {
    verb: 'CONSUMER.LEADER.STEPDOWN',
    tokens: 2,
    type: 'consumer_leader_stepdown_response',
    handle: clusterOnly,
  },
  {
    verb: 'CONSUMER.CREATE',
    tokens: [1, Number.MAX_SAFE_INTEGER],
    type: short(CONSUMER_CREATE_TYPE),
    handle: createNewStyle,
    changes: true,
  },
  {
    verb: 'CONSUMER.DURABLE.CREATE',
    tokens: 2,
    type: short(CONSUMER_CREATE_TYPE),
    handle: createDurable,
    changes: true,
  },
  { verb: 'CONSUMER.INFO', tokens: 2, type: short(CONSUMER_INFO_TYPE), handle: consumerInfoRequest },
  {
    verb: 'CONSUMER.NAMES',
    tokens: 1,
    type: short(CONSUMER_NAMES_TYPE),
    handle: consumerNamesRequest,
    empty: { ...PAGE, consumers: [] },
  },
  {
    verb: 'CONSUMER.LIST',
    tokens: 1,
    type: short(CONSUMER_LIST_TYPE),
    handle: consumerListRequest,
    empty: { ...PAGE, consumers: [] },
  },
  {
    verb: 'CONSUMER.DELETE',
    tokens: 2,
    type: short(CONSUMER_DELETE_TYPE),
    handle: consumerDeleteRequest,
    changes: true,
  },
  {
    verb: 'CONSUMER.PAUSE',
    tokens: 2,
    type: short(CONSUMER_PAUSE_TYPE),
    handle: consumerPauseRequest,
    empty: { paused: false, pause_until: '0001-01-01T00:00:00Z' },
    changes: true,
  },
  {
    verb: 'CONSUMER.RESET',
    tokens: 2,
    type: short(CONSUMER_RESET_TYPE),
    handle: consumerResetRequest,
    empty: { reset_seq: 0 },
    changes: true,
  },
  { verb: 'CONSUMER.UNPIN', tokens: 2, type: short(CONSUMER_UNPIN_TYPE), handle: consumerUnpinRequest },
]

function short(type: string): string {
  return type.replace('io.nats.jetstream.api.v1.', '')
}

/** The API's verbs by name. */
export const ROUTES: ReadonlyMap<string, ApiRoute> = new Map(
  list.map(({ verb, tokens = 0, ...route }) => [
    verb,
    {
      ...route,
      path: verb.split('.'),
      arity: typeof tokens === 'number' ? [tokens, tokens] : tokens,
    } as const,
  ]),
)
