/** Bytes to operations and back. Knows nothing of who listens. */
export * from './ascii.ts'
export { copyBytes, viewOf } from './copy.ts'
export { encodedBytes, encodeMessage, type FrameSink } from './encode.ts'
export type { ProtocolFailure } from './failures.ts'
export { Message, type Passed } from './message.ts'
export { type Operations, Parser } from './parser.ts'
export { printable, quoted } from './quoted.ts'
