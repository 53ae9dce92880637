import type { Message } from '../wire/index.ts'

/** Gives a message other headers (with their empty line); it then has a body of its own. */
export function replaceHeaders(message: Message, headers: Buffer): void {
  const { body, bodyStart, headerLength, bodyEnd } = message
  message.body = Buffer.concat([headers, body.subarray(bodyStart + headerLength, bodyEnd)])
  message.bodyStart = 0
  message.bodyEnd = message.body.length
  message.headerLength = headers.length
  message.wireEnd = 0
}
