/** What a server says of a consumer, as far as it is determined by what was asked of it. */

type Fields = Record<string, unknown>

/**
 * Leaves out how far in the stream a consumer has looked where it passes over messages: between two that it delivers that depends
 * on what woke it last, which is seen in `delivered.stream_seq`, and in `ack_floor.stream_seq` when nothing is pending.
 */
export function determined(answer: Fields, passesOver: boolean): Fields {
  const { delivered, ack_floor: floor } = answer
  if (delivered === undefined) return answer
  // In memory it is seen too as long as nothing was delivered.
  if (!passesOver && (delivered as Fields).consumer_seq !== 0) return answer
  return { ...answer, delivered: withoutPlace(delivered), ack_floor: withoutPlace(floor) }
}

function withoutPlace(sequences: unknown): Fields {
  const { stream_seq: _, ...rest } = sequences as Fields
  return rest
}

/** The filters of a configuration, in one text. */
export function filtersOf({ filter_subject: one, filter_subjects: several }: Fields): string {
  return JSON.stringify(one ?? several ?? [])
}

/** Does the consumer of such a configuration want only some messages? */
export function isFiltered({ filter_subject: one, filter_subjects: several }: Fields): boolean {
  return one !== undefined || several !== undefined
}
