/**
 * The message bus: who is interested in a subject, and delivery to them. Knows nothing of JetStream.
 *
 * A transport feeds a `ClientProtocol` with bytes; its parser reports operations, which the `Session` carries out;
 * `Account` routes messages to subscriptions of sessions and of handlers within the server; `Turn` writes each output
 * once per turn.
 */
export { Message } from '../wire/index.ts'
export { Account } from './account.ts'
export { type Authenticator, type Credentials, type Identity, openAuthenticator } from './authenticator.ts'
export { Bus, type BusOptions } from './bus.ts'
export { CloseReason } from './close-reason.ts'
export { type ConnectOptions, defaultConnectOptions } from './connect-options.ts'
export type { InternalSubscription, MessageHandler } from './handler.ts'
export { ChangingShares, type FailedImport } from './imports/changing-shares.ts'
export {
  type AccountShares,
  type ExportDefinition,
  type ImportDefinition,
  ImportError,
  type ResponseType,
  type ShareKind,
} from './imports/definitions.ts'
export { checkShares, connectShares } from './imports/imports.ts'
export { type AccountLimits, type CoreLimits, DEFAULT_LIMITS } from './limits.ts'
export type { LogLevel } from './log.ts'
export { type MappingDestination, Mappings } from './mappings.ts'
export type { Origin, Peer, PeerTls, ShownByCookies } from './origin.ts'
export { Output, type Transport } from './output.ts'
export type { Permissions } from './permissions.ts'
export { ClientProtocol, type LoginObserver } from './protocol.ts'
export { Session } from './session.ts'
export { type Receiver, Subscription } from './subscription.ts'
export { Target } from './target.ts'
export { Traffic } from './traffic.ts'
export { Turn, type TurnTask } from './turn.ts'
