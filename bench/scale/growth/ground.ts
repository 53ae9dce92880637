/** What the basic operations are tried on: a log and a bucket of a size, and whatever else there is many of. */
import { createStream, manyConsumers } from '../load/api.ts'
import { fill } from '../load/fill.ts'
import { randoms, scattered } from '../load/random.ts'
import type { Stage } from '../load/stage.ts'

export const log = 'LOG'
export const bucket = 'BUCKET'
export const payload = Buffer.alloc(128, 'x')

export interface GroundSize {
  /** Messages in each of the two streams. */
  readonly messages: number
  /** Subjects in each of them. */
  readonly subjects: number
}

const groups = 10
const logSubject = (n: number) => `log.${n % groups}.${n}`
/** The filter that takes a tenth of the log's subjects. */
export const filter = 'log.0.*'

export class Ground {
  readonly stage: Stage
  readonly messages: number
  readonly subjects: number
  readonly random = randoms()
  #published = 0

  private constructor(stage: Stage, { messages, subjects }: GroundSize) {
    this.stage = stage
    this.messages = messages
    this.subjects = subjects
  }

  static async lay(stage: Stage, size: GroundSize): Promise<Ground> {
    const { wire } = stage
    const ground = new Ground(stage, size)
    const history = Math.max(1, Math.floor(size.messages / size.subjects))
    await createStream(wire, log, ['log.>'], manyConsumers)
    await createStream(wire, bucket, ['key.>'], { max_msgs_per_subject: history, allow_direct: true })
    await fill(wire, size.messages, payload, () => ground.nextSubject())
    await fill(wire, size.messages, payload, (i) => `key.${scattered(i, size.subjects)}`)
    return ground
  }

  /**
   * Subjects out of order, each once before any comes again: the newest messages of the log are always those
   * of all subjects.
   */
  nextSubject(): string {
    return logSubject(scattered(this.#published++, this.subjects))
  }

  randomKey(): string {
    return `key.${this.random(this.subjects)}`
  }
}
