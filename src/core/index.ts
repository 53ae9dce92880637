/**
 * The message bus: who is interested in a subject, and delivery to them. Knows nothing of JetStream.
 *
 * This file is the room's contract; the classes live in their own files.
 */
export { Message } from './message.ts'
