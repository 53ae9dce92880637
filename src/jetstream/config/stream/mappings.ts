/** Checks of what a stream does to subjects: `subject_transform`, and `republish`. */
import {
  checkMapping,
  isValidSubject,
  SubjectTransform,
  subjectsCollide,
  TransformError,
} from '../../../subjects/index.ts'
import { apiError } from '../errors.ts'
import type { StreamConfig } from '../types.ts'

export function checkTransform(config: StreamConfig): void {
  if (config.subject_transform === undefined) return
  const { src = '', dest = '' } = config.subject_transform
  config.subject_transform = { src, dest }
  if (src !== '' && !isValidSubject(src)) {
    throw apiError('JSStreamTransformInvalidSource', { err: `invalid subject ${src}` })
  }
  try {
    checkMapping(src, dest)
  } catch (error) {
    if (!(error instanceof TransformError)) throw error
    throw apiError('JSStreamTransformInvalidDestination', { err: error.message })
  }
}

/** What is published again must not come in again. Subjects were checked. */
export function checkRepublish(config: StreamConfig, pedantic: boolean): void {
  if (config.republish === undefined) return
  const { dest = '', headers_only } = config.republish
  let { src = '' } = config.republish
  let target = dest
  if (src === '') {
    if (pedantic) throw apiError('JSPedanticErrF', { err: 'republish source can not be empty' })
    src = '>'
  }
  const subjects = config.subjects ?? []
  const transform = config.subject_transform
  // All of them to where they are: to where they are mapped.
  if (src === '>' && dest === '>' && transform !== undefined) {
    if (subjects.length === 1 && transform.src === subjects[0]) {
      if (pedantic) {
        throw apiError('JSPedanticErrF', { err: 'implicit republish based on subject transform' })
      }
      src = transform.dest
      target = transform.dest
    }
  }
  config.republish = { src, dest: target, headers_only: headers_only === true || undefined }
  const invalid = (err: string): Error => apiError('JSStreamInvalidConfigF', { err })
  if (subjects.some((subject) => subjectsCollide(target, subject))) {
    throw invalid('stream configuration for republish destination forms a cycle')
  }
  try {
    SubjectTransform.compile(src, target)
  } catch (error) {
    if (!(error instanceof TransformError)) throw error
    throw invalid(`stream configuration for republish with transform from '${src}' to '${target}' not valid`)
  }
}
