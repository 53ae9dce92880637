/** Auth callout: a service in an account decides who may connect. */
export { Callout, type CalloutHost } from './callout.ts'
export { type CalloutSettings, CalloutUsers } from './callout-users.ts'
export type { CalloutServer } from './request.ts'
