/** Operator mode: accounts by their JWTs, and users by theirs. */
export { ClaimAccount } from './claim-account.ts'
export { OperatorIdentity, type Revision } from './operator-identity.ts'
export { type ClaimAccounts, OperatorUsers } from './operator-users.ts'
export { type TrustSettings, trustOf } from './trusted.ts'
