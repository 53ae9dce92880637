/** Bytes to operations and back. Knows nothing of who listens. */
export * from './ascii.ts'
export { Message } from './message.ts'
export { type Operations, Parser, type ProtocolFailure } from './parser.ts'
