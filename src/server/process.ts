/** The process `contrail-server`, for those who start it under another name. */
export { run as runServer } from './run.ts'
export { CONTRAIL_VERSION } from './versions.ts'
