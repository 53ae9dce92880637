/** What happens to the jobs of a queue, in all processes: read from its bucket, in order and without gaps. */
import type { StreamMessage } from '../message.ts'
import type { Outcome, ProgressEvent } from './outcomes.ts'
import { outcomeOf } from './outcomes.ts'

/** `type` is the outcome's state, or 'progress'. */
export type QueueEvent =
  | ({ readonly type: Outcome['state']; readonly id: string } & Readonly<Outcome>)
  | ({ readonly type: 'progress' } & Readonly<ProgressEvent>)

/** An entry of the bucket as an event; undefined for what is none. */
export function eventOf(message: StreamMessage): QueueEvent | undefined {
  const [, , id, kind] = message.subject.split('.')
  // Ours begin with = (they name no job); deletions are empty.
  if (id.startsWith('=') && !/^=[0-9A-F]{2}/.test(id)) return undefined
  if (message.data.length === 0) return undefined
  if (kind === 'progress') {
    const { seq, progress } = message.json<{ seq: number; progress: unknown }>()
    return { type: 'progress', id, seq, progress }
  }
  const outcome = outcomeOf(message.data)
  return outcome === undefined ? undefined : { type: outcome.state, id, ...outcome }
}
