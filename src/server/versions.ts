/** The versions a server shows. */

/** The nats-server whose behaviour is offered; clients switch features on by it. */
export const COMPATIBLE_VERSION = '2.15.2'
/** JetStream API level that goes with it. */
export const API_LEVEL = 5
/** Contrail's own version. */
export const CONTRAIL_VERSION = '0.1.0'
