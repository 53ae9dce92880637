/** What a user may do, as a configuration or a JWT says it. */
import { isValidSubject } from '../subjects/index.ts'

/** Subjects of one direction. Patterns; for subscriptions `pattern queue`, too. */
export interface SubjectRules {
  /** Null: everything. */
  readonly allow: readonly string[] | null
  /** Out of what is allowed. */
  readonly deny: readonly string[]
}

/** May a user answer what it gets, though it may not publish there? */
export interface ResponseRules {
  /** Answers to one message; below 0: any number. */
  readonly max: number
  /** Milliseconds from the message; below 0: for ever. */
  readonly ttlMs: number
}

export interface PermissionRules {
  readonly publish: SubjectRules
  readonly subscribe: SubjectRules
  /** Null: only to where it may publish. */
  readonly responses: ResponseRules | null
}

export const DEFAULT_RESPONSES: ResponseRules = { max: 1, ttlMs: 120_000 }

/**
 * Why a pattern of a rule is not one, in nats-server's sentence; null for one that is. `allowsQueue`: a queue group may stand
 * behind it, after white space.
 */
export function ruleMistake(pattern: string, allowsQueue: boolean): string | null {
  if (isValidSubject(pattern)) return null
  const parts = fields(pattern)
  if (!allowsQueue || parts.length !== 2) return `subject ${JSON.stringify(pattern)} is not a valid subject`
  const [subject, queue] = parts
  if (!isValidSubject(subject)) return `subject ${JSON.stringify(subject)} is not a valid subject`
  if (!isValidSubject(queue)) return `queue ${JSON.stringify(queue)} is not a valid queue`
  return null
}

/** A pattern of a subscription's rule, and the queue group behind it ('' for none). */
export function splitQueue(pattern: string): { subject: string; queue: string } {
  const [subject = '', queue = ''] = fields(pattern)
  return { subject, queue }
}

function fields(text: string): string[] {
  return text.split(/\s+/).filter((part) => part !== '')
}
