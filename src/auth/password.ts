/** Passwords and tokens, plain or hashed by bcrypt. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { compareHash } from './bcrypt.ts'

/** Right answers that are remembered. */
const REMEMBERED = 10_000
const key = randomBytes(32)
/** What was right before: a keyed hash of the secret and what it is compared with, so that no secret stays in memory. */
const known = new Set<string>()

/** Is this a bcrypt hash? Then it is compared with what it was made of. */
export function isHashed(secret: string): boolean {
  return /^\$2[abxy]\$\d{2}\$/.test(secret)
}

/**
 * Compares without telling by its time how much was right. Hashes take their time, elsewhere than on this thread; what was right
 * once is known from then on, so that a thousand clients come back as quickly as with plain passwords. Nothing is compared for
 * who `hasLeft` before its turn.
 */
export function isRight(
  given: string,
  expected: string,
  hasLeft?: () => boolean,
): boolean | Promise<boolean> {
  if (!isHashed(expected)) return timingSafeEqual(digest(given), digest(expected))
  const mark = createHmac('sha256', key).update(expected).update('\0').update(given).digest('base64')
  if (known.has(mark)) return true
  return compareHash(given, expected, hasLeft).then((isSame) => {
    if (isSame) {
      if (known.size >= REMEMBERED) known.clear()
      known.add(mark)
    }
    return isSame
  })
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
