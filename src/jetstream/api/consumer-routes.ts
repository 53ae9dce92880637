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
import type { ConsumerRequest } from './consumer-request.ts'

/** One request of the consumer API. */
export interface ConsumerRoute {
  /** Tokens behind `$JS.API.`, without the final dot; what follows them are the request's tokens. */
  prefix: string
  /** How many tokens may follow. With others nobody answers. */
  least: number
  most: number
  /** `type` of the response. */
  type: string
  /** Returns the response without its type, or throws ApiError. */
  handle: (request: ConsumerRequest) => object
}

/** Everything but `CONSUMER.MSG.NEXT`, which is no request for JSON (see `consumer-next.ts`). */
export const CONSUMER_ROUTES: readonly ConsumerRoute[] = [
  route('CONSUMER.CREATE', 1, Infinity, CONSUMER_CREATE_TYPE, createNewStyle),
  route('CONSUMER.DURABLE.CREATE', 2, 2, CONSUMER_CREATE_TYPE, createDurable),
  route('CONSUMER.INFO', 2, 2, CONSUMER_INFO_TYPE, consumerInfoRequest),
  route('CONSUMER.NAMES', 1, 1, CONSUMER_NAMES_TYPE, consumerNamesRequest),
  route('CONSUMER.LIST', 1, 1, CONSUMER_LIST_TYPE, consumerListRequest),
  route('CONSUMER.DELETE', 2, 2, CONSUMER_DELETE_TYPE, consumerDeleteRequest),
  route('CONSUMER.PAUSE', 2, 2, CONSUMER_PAUSE_TYPE, consumerPauseRequest),
  route('CONSUMER.RESET', 2, 2, CONSUMER_RESET_TYPE, consumerResetRequest),
  route('CONSUMER.UNPIN', 2, 2, CONSUMER_UNPIN_TYPE, consumerUnpinRequest),
]

function route(
  prefix: string,
  least: number,
  most: number,
  type: string,
  handle: (request: ConsumerRequest) => object,
): ConsumerRoute {
  return { prefix, least, most, type, handle }
}
