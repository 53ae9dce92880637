/** Subjects: what is valid, what matches, who is interested. Pure: no input, no output, no time. */
export { filterOfSubject, type SubjectFilter, subjectFilter } from './filter.ts'
export { hashBytes } from './hash.ts'
export { type Interested, InterestIndex, type QueueRoute, Route } from './interest.ts'
export { intersection } from './intersection.ts'
export { latin1Of, utf8Of } from './latin1.ts'
export { PatternSet } from './overlap.ts'
export { PatternIndex } from './pattern-index.ts'
export { MAX_MAPPED_BYTES, SubjectBuffer } from './subject-buffer.ts'
export {
  checkMapping,
  NOT_MAPPED,
  SubjectTransform,
  TOO_LONG,
  type TransformOptions,
  withPlaces,
  withWildcards,
} from './transform.ts'
export { TransformError } from './transform-error.ts'
export {
  hasWildcard,
  isLiteralSubject,
  isLiteralSubjectBytes,
  isPublishableBytes,
  isSubscribable,
  isSubset,
  isValidSubject,
  subjectsCollide,
} from './validity.ts'
