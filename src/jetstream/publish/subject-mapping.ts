import {
  MAX_MAPPED_BYTES,
  NOT_MAPPED,
  SubjectBuffer,
  SubjectTransform,
  TOO_LONG,
} from '../../subjects/index.ts'
import { Message } from '../../wire/index.ts'
import { apiError } from '../config/errors.ts'
import type { StreamConfig } from '../config/types.ts'

/** What a publisher is told. */
export const SUBJECT_TOO_LONG = apiError('JSStreamStoreFailedF', {
  err: `subject longer than ${MAX_MAPPED_BYTES} bytes`,
})

/** What a stream's `subject_transform` does to messages, before anything else looks at them. What it doesn't match stays as it is. */
export class SubjectMapping {
  private transform: SubjectTransform | null = null
  private readonly subject = new SubjectBuffer()
  /** The message at hand under its other subject: nobody keeps it. */
  private readonly mapped = new Message(Buffer.alloc(0))

  get isOn(): boolean {
    return this.transform !== null
  }

  configure({ subject_transform: wanted }: StreamConfig): void {
    const transform = wanted === undefined ? null : SubjectTransform.compile(wanted.src, wanted.dest)
    this.transform = transform === null || transform.isIdentity ? null : transform
  }

  /** The message under its subject here, the given one where that doesn't change; null: the subject would be too long. */
  apply(message: Message): Message | null {
    if (this.transform === null) return message
    const { mapped, subject } = this
    const length = this.transform.apply(message.subject, message.subjectStart, message.subjectEnd, subject)
    if (length === NOT_MAPPED) return message
    if (length === TOO_LONG) return null
    mapped.subject = subject.bytes
    mapped.subjectEnd = length
    mapped.reply = message.reply
    mapped.replyStart = message.replyStart
    mapped.replyEnd = message.replyEnd
    mapped.body = message.body
    mapped.bodyStart = message.bodyStart
    mapped.headerLength = message.headerLength
    mapped.bodyEnd = message.bodyEnd
    return mapped
  }

  /** The same for a message of our own, in place; false: the subject would be too long. */
  applyTo(message: Message): boolean {
    const mapped = this.apply(message)
    if (mapped === null) return false
    if (mapped === message) return true
    message.subject = Buffer.from(mapped.subject.subarray(0, mapped.subjectEnd))
    message.subjectStart = 0
    message.subjectEnd = mapped.subjectEnd
    return true
  }
}
