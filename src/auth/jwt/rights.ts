/** Rules of what claims say a user may do. */
import { DEFAULT_RESPONSES, type PermissionRules } from '../permission-rules.ts'
import type { PermissionClaims } from './user-claims.ts'

/** Null: everything, since nothing is said. */
export function rulesOf({ publish, subscribe, responses }: PermissionClaims): PermissionRules | null {
  const lists = [publish.allow, publish.deny, subscribe.allow, subscribe.deny]
  if (lists.every((list) => list.length === 0) && responses === null) return null
  const orNull = (list: readonly string[]): readonly string[] | null => (list.length === 0 ? null : list)
  const answers =
    responses === null
      ? null
      : {
          max: responses.max || DEFAULT_RESPONSES.max,
          ttlMs: responses.ttlMs || DEFAULT_RESPONSES.ttlMs,
        }
  return {
    // Who may answer may not publish everywhere besides.
    publish: { allow: orNull(publish.allow) ?? (answers === null ? null : []), deny: publish.deny },
    subscribe: { allow: orNull(subscribe.allow), deny: subscribe.deny },
    responses: answers,
  }
}
