import {
  checkMapping,
  SubjectBuffer,
  type SubjectFilter,
  SubjectTransform,
  subjectFilter,
  withPlaces,
} from '../subjects/index.ts'
import type { Message } from '../wire/index.ts'

export interface MappingDestination {
  /** May have tokens like `{{wildcard(1)}}` or `$1`. */
  readonly subject: string
  /** Of a hundred messages. */
  readonly weight: number
}

interface Mapping {
  readonly filter: SubjectFilter
  /** Each with the sum of the weights up to it. */
  readonly destinations: readonly { readonly transform: SubjectTransform | null; readonly below: number }[]
}

const EVERY = 100

/** What becomes of the subjects that clients of an account publish to. */
export class Mappings {
  private readonly mappings: Mapping[] = []
  private readonly to = new SubjectBuffer()

  /**
   * Maps a subject to one of several, by chance. What is left of 100 keeps its subject, unless `source` itself is among the
   * destinations: then it is lost.
   * @throws Error with nats-server's text
   */
  add(source: string, destinations: readonly MappingDestination[]): void {
    const seen = new Set<string>()
    let total = 0
    const found = destinations.map(({ subject, weight }) => {
      if (seen.has(subject)) throw new Error(`duplicate entry for "${subject}"`)
      seen.add(subject)
      if (weight > EVERY) throw new Error('individual weights need to be <= 100')
      total += weight
      if (total > EVERY) throw new Error('total weight needs to be <= 100')
      checkMapping(source, subject)
      return { transform: SubjectTransform.compile(source, subject), weight }
    })
    if (total !== EVERY && !seen.has(source)) {
      found.push({ transform: SubjectTransform.compile(source, withPlaces(source)), weight: EVERY - total })
    }
    found.sort((a, b) => a.weight - b.weight)
    let below = 0
    this.mappings.push({
      filter: subjectFilter([source]),
      destinations: found.map(({ transform, weight }) => {
        below += weight
        return { transform, below }
      }),
    })
  }

  /**
   * Gives the message its subject. The first mapping that takes it counts. `to`: where the subject is written; by default to one
   * place, so that it holds until the next message.
   */
  apply(message: Message, to: SubjectBuffer = this.to): 'kept' | 'lost' | 'mapped' {
    const { subject, subjectStart, subjectEnd } = message
    for (let i = 0; i < this.mappings.length; i++) {
      const { filter, destinations } = this.mappings[i]
      if (!filter.matches(subject, subjectStart, subjectEnd)) continue
      const transform = choose(destinations)
      if (transform === undefined) return 'lost'
      if (transform === null) return 'kept'
      const length = transform.apply(subject, subjectStart, subjectEnd, to)
      if (length < 0) return 'lost'
      message.subject = to.bytes
      message.subjectStart = 0
      message.subjectEnd = length
      return 'mapped'
    }
    return 'kept'
  }
}

function choose(destinations: Mapping['destinations']): SubjectTransform | null | undefined {
  if (destinations.length === 1 && destinations[0].below === EVERY) return destinations[0].transform
  const chance = Math.floor(Math.random() * EVERY)
  return destinations.find(({ below }) => chance < below)?.transform
}
