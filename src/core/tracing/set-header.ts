import type { Message } from '../../wire/index.ts'
import { replaceHeaders } from '../replace-headers.ts'

const FIRST_LINE = 'NATS/1.0\r\n'
const END = '\r\n'

/** Gives the message this header in the place of those of its name; it then has a body of its own. */
export function setHeader(message: Message, name: string, value: string): void {
  const { body, bodyStart, headerLength } = message
  const head = body.toString('latin1', bodyStart, bodyStart + headerLength)
  const lines = headerLength === 0 ? [FIRST_LINE] : head.split(/(?<=\n)/).filter((line) => line !== END)
  const kept = lines.filter((line) => !line.startsWith(`${name}:`))
  const headers = Buffer.from(`${kept.join('')}${name}: ${value}${END}${END}`, 'latin1')
  replaceHeaders(message, headers)
}

/** The same, in the place where the first of its name is. */
export function replaceHeader(message: Message, name: string, value: string): void {
  const { body, bodyStart, headerLength } = message
  const head = body.toString('latin1', bodyStart, bodyStart + headerLength)
  const at = head.indexOf(`\n${name}:`)
  if (at < 0) {
    setHeader(message, name, value)
    return
  }
  let from = at + name.length + 2
  if (head[from] === ' ') from++
  const to = head.indexOf('\r', from)
  const headers = Buffer.from(head.slice(0, from) + value + head.slice(to), 'latin1')
  replaceHeaders(message, headers)
}
