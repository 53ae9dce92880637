/**
 * `contrail/server`: a NATS server that lives in this process.
 */

export type { Clock, FileHandle, FileSystem, Timer } from '../ports/index.ts'
export { ServerFault } from './guard.ts'
export { type Logger, type LogLineLevel, TextLogger, type TextLoggerOptions } from './logger.ts'
export type { EncryptionOptions, ServerOptions, StorageOptions } from './options.ts'
export type {
  AccountJetStreamOptions,
  AccountLimitOptions,
  AccountOptions,
  ConnectionTypeName,
  ExportOptions,
  ImportOptions,
  MappingOptions,
  MappingsOptions,
  PermissionOptions,
  SecurityOptions,
  SubjectPermissionOptions,
  UserOptions,
} from './security-options.ts'
export { Server } from './server.ts'
export type { TlsOptions } from './tls-options.ts'
export type { WebSocketOptions } from './websocket-options.ts'
