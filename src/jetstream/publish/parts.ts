import type { Message } from '../../core/index.ts'
import type { Schedules } from '../schedules/schedules.ts'
import type { StoredStream } from '../stream/stored-stream.ts'
import type { Answers } from './answers.ts'
import type { Apply } from './apply.ts'
import type { LimitChecks } from './check-limits.ts'
import type { Counters } from './counters/counters.ts'
import type { MessageIds } from './message-ids.ts'
import type { SubjectMapping } from './subject-mapping.ts'

/** What publishing to a stream is made of; batches share it with single messages. */
export interface PublishParts {
  readonly stream: StoredStream
  readonly schedules: Schedules
  readonly mapping: SubjectMapping
  readonly ids: MessageIds
  readonly limits: LimitChecks
  readonly apply: Apply
  readonly answers: Answers
  /** null: the stream has no counters. */
  readonly counters: Counters | null
  /** A message waits for what is read; it comes again from the beginning. */
  readonly hold: (message: Message, reading: Promise<unknown>) => void
}
