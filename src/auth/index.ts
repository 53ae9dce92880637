/**
 * Who is let in, and what they may do: credentials become the identity of a session. Knows nothing of sockets.
 */
export * from './callout/index.ts'
export { type CertificateNames, certificateNames, userOfCertificate } from './certificate.ts'
export { ConfiguredUsers, type UserRecord, type Users } from './configured-users.ts'
export { CONNECTION_TYPES, type ConnectionType, connectionType } from './connection-types.ts'
export * from './jwt/index.ts'
export { decodeKey, encodeKey, isPublicKey, isSigned, type KeyKindName } from './nkey.ts'
export * from './operator/index.ts'
export { isHashed } from './password.ts'
export {
  DEFAULT_RESPONSES,
  type PermissionRules,
  type ResponseRules,
  ruleMistake,
  type SubjectRules,
} from './permission-rules.ts'
export { RulePermissions } from './rule-permissions.ts'
