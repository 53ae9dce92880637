/** The verbs a client may send, and how each ends. */

export const PUB = 1
export const HPUB = 2
export const SUB = 3
export const UNSUB = 4
export const CONNECT = 5
export const PING = 6
export const PONG = 7
export const INFO = 8
export const PLUS_OK = 9
export const MINUS_ERR = 10

/** More bytes are needed to tell the verb. */
export const UNDECIDED = 0
/** No verb begins so. */
export const UNKNOWN = -1

interface Verb {
  readonly verb: number
  /** Upper case; compared without case. */
  readonly name: string
  /** A space or tab has to follow. */
  readonly isSeparated: boolean
}

const VERBS: readonly Verb[] = [
  { verb: PUB, name: 'PUB', isSeparated: true },
  { verb: HPUB, name: 'HPUB', isSeparated: true },
  { verb: SUB, name: 'SUB', isSeparated: true },
  { verb: UNSUB, name: 'UNSUB', isSeparated: true },
  { verb: CONNECT, name: 'CONNECT', isSeparated: false },
  { verb: PING, name: 'PING', isSeparated: false },
  { verb: PONG, name: 'PONG', isSeparated: false },
  { verb: INFO, name: 'INFO', isSeparated: false },
  { verb: PLUS_OK, name: '+OK', isSeparated: false },
  { verb: MINUS_ERR, name: '-ERR', isSeparated: true },
]

/** Bytes of the verb's name, by its number. */
export const VERB_BYTES: readonly number[] = [0, ...VERBS.map(({ name }) => name.length)]

/** Verbs without arguments: whatever stands before the end of their line is ignored. */
export function isBare(verb: number): boolean {
  return verb === PING || verb === PONG || verb === PLUS_OK
}

/** The verb at the start of `[start, end)`, `UNDECIDED` when that is too short, or `UNKNOWN`. */
export function verbAt(buffer: Buffer, start: number, end: number): number {
  const length = end - start
  for (let v = 0; v < VERBS.length; v++) {
    const { verb, name, isSeparated } = VERBS[v]
    if (!begins(buffer, start, name, Math.min(length, name.length))) continue
    if (length < name.length) return UNDECIDED
    if (!isSeparated) return verb
    if (length === name.length) return UNDECIDED
    const c = buffer[start + name.length]
    if (c === 32 || c === 9) return verb
  }
  return UNKNOWN
}

function begins(buffer: Buffer, start: number, name: string, length: number): boolean {
  for (let i = 0; i < length; i++) {
    const c = buffer[start + i]
    const upper = c >= 97 && c <= 122 ? c - 32 : c
    if (upper !== name.charCodeAt(i)) return false
  }
  return true
}
