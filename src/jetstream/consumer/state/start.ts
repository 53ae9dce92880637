import type { MessageLog } from '../../../storage/index.ts'
import type { SubjectFilter } from '../../../subjects/index.ts'
import { MAX_SEQUENCE } from '../../config/ranges.ts'
import { type Instant, parseTime } from '../../config/time-text.ts'
import type { ConsumerConfig } from '../../config/types.ts'
import { SkipList } from './skip-list.ts'

/** Where a new consumer begins. */
export interface Start {
  /** First stream sequence to look at. */
  seq: number
  /** For last_per_subject: what is delivered first. */
  skipList: SkipList | null
}

/** Applies the deliver policy to what is in the log. */
export function chooseStart(
  config: ConsumerConfig,
  filter: SubjectFilter,
  log: MessageLog,
  maxPerSubject: number,
): Start {
  const within = (seq: number): Start => ({
    seq: Math.max(Math.min(seq, log.lastSeq + 1), log.firstSeq),
    skipList: null,
  })
  switch (config.deliver_policy) {
    case 'all':
      return within(log.firstSeq)
    case 'last':
      return within(filter.all ? log.lastSeq : log.previous(filter, log.lastSeq))
    case 'new':
      return within(log.lastSeq + 1)
    case 'by_start_time': {
      const { sec, nsec } = parseTime(config.opt_start_time as string) as Instant
      const start = within(log.seqAtTime(sec, nsec))
      // Nothing before the first that matches needs to be looked at.
      const first = filter.all ? 0 : log.next(filter, log.firstSeq)
      return first > start.seq && first < log.lastSeq ? { ...start, seq: first } : start
    }
    case 'by_start_sequence':
      // May lie in the future, unlike the others.
      return {
        seq: Math.min(Math.max(config.opt_start_seq as number, log.firstSeq), MAX_SEQUENCE + 1),
        skipList: null,
      }
    case 'last_per_subject': {
      if (maxPerSubject === 1) return within(log.firstSeq)
      const seqs = log.lastSeqs(filter.all ? null : filter)
      if (seqs.length === 0) return within(log.lastSeq)
      const skipList = new SkipList(seqs, log.lastSeq)
      return { seq: skipList.peek(), skipList }
    }
  }
}
