/** A message that is sent again is for the consumer that gave it up: others have handled it. */
import type { Message } from '../message.ts'

/** Name of that consumer. */
export const FOR_HEADER = 'Contrail-For'

/** Is it for another consumer than the durable of this name? */
export function isForAnother(message: Message, durable: string | undefined): boolean {
  const name = message.header(FOR_HEADER)
  return name !== undefined && name !== durable
}
