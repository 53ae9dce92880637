/**
 * The message bus: who is interested in a subject, and delivery to them. Knows nothing of JetStream.
 *
 * A transport feeds a `Connection` with bytes; its parser reports operations; `Account` routes messages to
 * subscriptions of connections and of handlers within the server; `Turn` writes each output once per turn.
 */
export { Message } from '../wire/index.ts'
export { Account } from './account.ts'
export { type Authenticator, type Identity, openAuthenticator } from './authenticator.ts'
export { Bus, type BusOptions, type LogLevel } from './bus.ts'
export { CloseReason } from './close-reason.ts'
export { type ConnectOptions, defaultConnectOptions } from './connect-options.ts'
export { Connection, type Peer } from './connection.ts'
export { type CoreLimits, DEFAULT_LIMITS } from './limits.ts'
export { Output, type Transport } from './output.ts'
export type { Permissions } from './permissions.ts'
export { type InternalSubscription, type MessageHandler, Subscription } from './subscription.ts'
export { Target } from './target.ts'
export { Traffic } from './traffic.ts'
export { Turn, type TurnTask } from './turn.ts'
