import assert from 'node:assert/strict'
import type { House, Json } from './house.ts'

/** Takes a backup of a stream, acknowledging every chunk. */
export async function backup(
  house: House,
  stream: string,
  request: Json = {},
): Promise<{ answer: Json; chunks: Buffer[] }> {
  const chunks: Buffer[] = []
  let isOver = false
  house.bus.account('$G').subscribe('backup', {
    onMessage: (message) => {
      const start = message.bodyStart + message.headerLength
      if (start === message.bodyEnd) isOver = true
      else chunks.push(Buffer.from(message.body.subarray(start, message.bodyEnd)))
      const reply = message.reply.toString('utf8', message.replyStart, message.replyEnd)
      if (reply !== '') house.send(reply)
    },
  })
  const answer = await house.api(`STREAM.SNAPSHOT.${stream}`, { deliver_subject: 'backup', ...request })
  for (let i = 0; i < 500 && !isOver; i++) await house.pass(1)
  assert.ok(isOver, 'the backup ends')
  return { answer, chunks }
}

/** Sends chunks; resolves to the final answer. */
export async function restore(house: House, answer: Json, chunks: Buffer[], config?: Json): Promise<Json> {
  const begun = await house.api(`STREAM.RESTORE.${(answer.config as Json).name}`, {
    config: config ?? answer.config,
    state: answer.state,
  })
  if (begun.error !== undefined) return begun
  for (const chunk of [...chunks, Buffer.alloc(0)]) {
    const [reply] = await house.ask(begun.deliver_subject as string, chunk)
    if (reply !== undefined && reply.body !== '') return JSON.parse(reply.body)
  }
  throw new Error('the restore has no final answer')
}
