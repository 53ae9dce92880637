/** JWTs of operators, accounts, users and activations: read, verified, checked. */
export { checkAccountClaims } from './account-checks.ts'
export {
  type AccountClaims,
  type AccountLimitClaims,
  decodeAccountClaims,
  type ExportClaim,
  hasJetStream,
  type ImportClaim,
  isRevoked,
  type JetStreamClaims,
  type UserScope,
} from './account-claims.ts'
export { type ActivationClaims, activationOf, checkActivation, decodeActivation } from './activation.ts'
export { JwtError } from './fields.ts'
export { timeLeftMs } from './hours.ts'
export { Issues } from './issues.ts'
export { isWithin } from './networks.ts'
export { decodeOperator, type OperatorClaims, undecorated } from './operator-claims.ts'
export { rulesOf } from './rights.ts'
export { checkImportClaim } from './share-checks.ts'
export { applyTemplate } from './templates.ts'
export { decodeGeneric, decodeToken } from './token.ts'
export {
  checkUserClaims,
  decodeUserClaims,
  NO_LIMIT,
  type UserClaims,
  type UserRights,
} from './user-claims.ts'
