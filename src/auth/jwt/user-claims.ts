/** What a user's JWT says, and the template that a scoped signing key has for its users. */

import { quoted } from '../../wire/index.ts'
import { isPublicKey } from '../nkey.ts'
import type { ResponseRules } from '../permission-rules.ts'
import { Fields, JwtError } from './fields.ts'
import { isClockTime, isTimeZone, type TimeRange } from './hours.ts'
import type { Issues } from './issues.ts'
import { isNetwork } from './networks.ts'
import { checkRule } from './subjects.ts'
import { type ClaimsHead, decodeToken, type Token } from './token.ts'

const NANOS_PER_MS = 1e6
/** Of a limit: none. */
export const NO_LIMIT = -1

export interface SubjectClaims {
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

export interface PermissionClaims {
  readonly publish: SubjectClaims
  readonly subscribe: SubjectClaims
  readonly responses: ResponseRules | null
}

/** What a user may do, and when, from where and how it may come. */
export interface UserRights {
  readonly permissions: PermissionClaims
  /** Networks it may come from, none: any. */
  readonly sources: readonly string[]
  readonly times: readonly TimeRange[]
  /** IANA name, '' for where the server is. */
  readonly timeZone: string
  /** Subscriptions; -1: no limit. */
  readonly maxSubscriptions: number
  readonly maxPayloadBytes: number
  /** Nothing has to be signed. */
  readonly isBearer: boolean
  readonly needsProxy: boolean
  readonly connectionTypes: readonly string[]
  /** Says nothing at all, as a user of a scoped key has to. */
  readonly isEmpty: boolean
}

export interface UserClaims {
  readonly head: ClaimsHead
  readonly rights: UserRights
  readonly issuerAccount: string
  readonly tags: readonly string[]
}

/** @throws JwtError */
export function decodeUserClaims(token: string): UserClaims {
  const decoded = decodeToken(token)
  if (decoded.head.kind !== 'user') throw new JwtError('not user claim')
  return userClaimsOf(decoded)
}

function userClaimsOf({ head, all, nats }: Token): UserClaims {
  const isOld = head.version === 1
  return {
    head,
    rights: readRights(nats, 0),
    issuerAccount: (isOld ? all : nats).text('issuer_account'),
    tags: (isOld ? all : nats).texts('tags'),
  }
}

/** `limit`: what a limit is that isn't named. */
export function readRights(fields: Fields, limit: number): UserRights {
  const times = fields.list('times', (each) => {
    const range = new Fields(each, 'times')
    return { start: range.text('start'), end: range.text('end') }
  })
  const rights = {
    permissions: readPermissions(fields),
    sources: readSources(fields),
    times,
    timeZone: fields.text('times_location'),
    maxSubscriptions: fields.integer('subs', limit),
    maxPayloadBytes: fields.integer('payload', limit),
    isBearer: fields.flag('bearer_token'),
    needsProxy: fields.flag('proxy_required'),
    connectionTypes: fields.texts('allowed_connection_types'),
  }
  const { publish, subscribe, responses } = rights.permissions
  const lists = [publish.allow, publish.deny, subscribe.allow, subscribe.deny]
  const isEmpty =
    [...lists, rights.sources, times, rights.connectionTypes].every((list) => list.length === 0) &&
    ['pub', 'sub'].every((name) => !['allow', 'deny'].some((list) => fields.fields(name).has(list))) &&
    !['src', 'times', 'allowed_connection_types'].some((name) => fields.has(name)) &&
    responses === null &&
    rights.timeZone === '' &&
    ['subs', 'data', 'payload'].every((name) => fields.integer(name) === 0) &&
    !rights.isBearer &&
    !rights.needsProxy
  return { ...rights, isEmpty }
}

export function readPermissions(fields: Fields): PermissionClaims {
  const direction = (name: string): SubjectClaims => {
    const given = fields.fields(name)
    return { allow: given.texts('allow'), deny: given.texts('deny') }
  }
  const responses = fields.fields('resp')
  return {
    publish: direction('pub'),
    subscribe: direction('sub'),
    responses: fields.has('resp')
      ? { max: responses.integer('max'), ttlMs: responses.integer('ttl') / NANOS_PER_MS }
      : null,
  }
}

/** A list, or one text with commas. */
function readSources(fields: Fields): readonly string[] {
  try {
    return fields.texts('src')
  } catch {
    const list = fields.text('src').toLowerCase().split(',')
    return [...new Set(list.map((each) => each.trim()).filter((each) => each !== ''))]
  }
}

/** Checks what is said in it, and the time. */
export function checkUserClaims(
  { head, rights, issuerAccount }: UserClaims,
  nowMs: number,
  issues: Issues,
): void {
  issues.time(head, nowMs)
  checkPermissions(rights.permissions, issues)
  for (const source of rights.sources)
    if (!isNetwork(source)) issues.error(`invalid cidr ${quoted(source)} in user src limits`)
  for (const { start, end } of rights.times) {
    checkClock('start', start, issues)
    checkClock('end', end, issues)
  }
  if (rights.timeZone !== '' && !isTimeZone(rights.timeZone))
    issues.error(`could not parse iana time zone by name: unknown time zone ${rights.timeZone}`)
  if (issuerAccount !== '' && !isPublicKey(issuerAccount, 'account'))
    issues.error('account_id is not an account public key')
}

export function checkPermissions({ publish, subscribe }: PermissionClaims, issues: Issues): void {
  for (const rule of [...subscribe.allow, ...subscribe.deny]) checkRule(rule, true, issues)
  for (const rule of [...publish.allow, ...publish.deny]) checkRule(rule, false, issues)
}

function checkClock(which: 'end' | 'start', time: string, issues: Issues): void {
  if (time === '') issues.error(`time ranges ${which} must contain a${which === 'end' ? 'n' : ''} ${which}`)
  else if (!isClockTime(time)) issues.error(`${which} in time range is invalid ${quoted(time)}`)
}
