import type { Message } from '../../core/index.ts'
import { SubjectBuffer, SubjectTransform } from '../../subjects/index.ts'
import type { StreamSource } from '../config/types.ts'

/** The subject transforms of an origin: the first that takes a message's subject maps it. */
export class Mapping {
  private readonly transforms: SubjectTransform[] = []
  private readonly mapped = new SubjectBuffer()

  /** The transforms were checked. */
  constructor({ subject_transforms: transforms = [] }: StreamSource) {
    for (const { src, dest } of transforms) {
      const transform = SubjectTransform.compile(src, dest)
      if (transform !== null) this.transforms.push(transform)
    }
  }

  get isEmpty(): boolean {
    return this.transforms.length === 0
  }

  /** Gives the message its new subject, where it gets one. It is good until the next call. */
  apply(message: Message): void {
    const { transforms, mapped } = this
    for (let i = 0; i < transforms.length; i++) {
      const length = transforms[i].apply(message.subject, message.subjectStart, message.subjectEnd, mapped)
      if (length <= 0) continue
      message.subject = mapped.bytes
      message.subjectStart = 0
      message.subjectEnd = length
      return
    }
  }
}
