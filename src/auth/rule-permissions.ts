import type { Permissions } from '../core/index.ts'
import {
  hasWildcard,
  InterestIndex,
  isSubset,
  latin1Of,
  type Route,
  subjectsCollide,
} from '../subjects/index.ts'
import {
  type PermissionRules,
  type ResponseRules,
  type SubjectRules,
  splitQueue,
} from './permission-rules.ts'

/** Subjects whose rules are remembered, for each user and direction. */
const REMEMBERED = 512

/** One pattern of a rule. */
interface Rule {
  readonly subject: string
  /** The queue group it is for, '' for all. */
  readonly queue: string
  readonly isDeny: boolean
}

/** The rules of a user, so that they are quickly asked. One for all sessions of the user. */
export class RulePermissions implements Permissions {
  readonly responses: ResponseRules | null
  private readonly rules: PermissionRules
  private readonly publish: RuleIndex
  private readonly subscribe: RuleIndex

  constructor(rules: PermissionRules) {
    this.rules = rules
    this.publish = new RuleIndex(rules.publish)
    this.subscribe = new RuleIndex(rules.subscribe)
    this.responses = rules.responses
  }

  /** The same, but nothing may be published to this subject. */
  denying(subject: string): RulePermissions {
    const { publish } = this.rules
    return new RulePermissions({ ...this.rules, publish: { ...publish, deny: [...publish.deny, subject] } })
  }

  describe(): Record<string, unknown> {
    const { publish, subscribe, responses } = this.rules
    return {
      publish: shownRules(publish),
      subscribe: shownRules(subscribe),
      ...(responses === null ? {} : { responses: { max: responses.max, ttl: responses.ttlMs * 1e6 } }),
    }
  }

  mayPublish(subject: Buffer, start: number, end: number): boolean {
    return this.publish.allows(subject, start, end, '')
  }

  maySubscribe(subject: string, queue: string): boolean {
    const bytes = Buffer.from(subject, 'latin1')
    return this.subscribe.allows(bytes, 0, bytes.length, queue)
  }

  isFiltered(subject: string, queue: string): boolean {
    if (queue === '' && !hasWildcard(subject)) return false
    return this.subscribe.denied.some((pattern) => subjectsCollide(pattern, subject))
  }

  mayReceive(subject: Buffer, start: number, end: number, queue: string): boolean {
    return !this.subscribe.denies(subject, start, end, queue)
  }
}

function shownRules({ allow, deny }: SubjectRules): Record<string, unknown> {
  return { ...(allow?.length ? { allow } : {}), ...(deny?.length ? { deny } : {}) }
}

/** The rules of one direction: found by a subject as subscriptions are. */
class RuleIndex {
  /** Patterns of what is denied, as latin1 text. */
  readonly denied: readonly string[]
  private readonly index = new InterestIndex<Rule>(REMEMBERED)
  private readonly allowsAll: boolean

  constructor({ allow, deny }: SubjectRules) {
    this.allowsAll = allow === null
    for (const pattern of allow ?? []) this.index.insert(ruleOf(pattern, false))
    for (const pattern of deny) this.index.insert(ruleOf(pattern, true))
    this.denied = deny.map((pattern) => latin1Of(splitQueue(pattern).subject))
  }

  /**
   * As nats-server decides: a rule for all queues allows, but rules for some queues allow none but these; a rule for all queues
   * denies, and else one for this.
   */
  allows(subject: Buffer, start: number, end: number, queue: string): boolean {
    const route = this.index.route(subject, start, end)
    return (this.allowsAll || isAllowed(route, queue)) && !isDenied(route, queue)
  }

  denies(subject: Buffer, start: number, end: number, queue: string): boolean {
    return isDenied(this.index.route(subject, start, end), queue)
  }
}

function ruleOf(pattern: string, isDeny: boolean): Rule {
  const { subject, queue } = splitQueue(pattern)
  return { subject: latin1Of(subject), queue: latin1Of(queue), isDeny }
}

function isAllowed({ plain, queues }: Route<Rule>, queue: string): boolean {
  if (queue !== '') {
    let isNamed = false
    for (const { name, members } of queues) {
      if (members.every((rule) => rule.isDeny)) continue
      if (takesQueue(name, queue)) return true
      isNamed = true
    }
    if (isNamed) return false
  }
  for (let i = 0; i < plain.length; i++) if (!plain[i].isDeny) return true
  return false
}

function isDenied({ plain, queues }: Route<Rule>, queue: string): boolean {
  for (let i = 0; i < plain.length; i++) if (plain[i].isDeny) return true
  if (queue === '') return false
  for (const { name, members } of queues) {
    if (members.some((rule) => rule.isDeny) && takesQueue(name, queue)) return true
  }
  return false
}

/** A queue in a rule may have wildcards. */
function takesQueue(pattern: string, queue: string): boolean {
  return pattern === queue || (hasWildcard(pattern) && isSubset(queue, pattern))
}
