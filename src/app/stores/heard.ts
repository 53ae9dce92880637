/** Asks a store again while nobody listens for it: a cluster elects a leader, and what nobody heard was not done. */
import { errors } from '@nats-io/nats-core'
import { asContrailError, translated } from '../client-errors.ts'
import { ContrailError } from '../errors.ts'

const AGAIN_AFTER_MS = 250
const GIVE_UP_MS = 5000
/** Each waits as long as the client does for an answer: 5 s. */
const TRIES = 3

/** @throws ContrailError NO_RESPONDERS when nobody has listened for 5 s; else what `ask` throws, as one of the framework's */
export async function untilHeard<T>(store: string, ask: () => Promise<T>): Promise<T> {
  const end = performance.now() + GIVE_UP_MS
  for (;;) {
    try {
      return await ask()
    } catch (thrown) {
      if (!isUnheard(thrown)) throw asContrailError(thrown, `Asking ${store} failed`)
      if (performance.now() > end) {
        throw new ContrailError('NO_RESPONDERS', `Nobody answers for ${store}.`, { cause: thrown })
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS))
    }
  }
}

/** The client says it in several ways: what it throws has the reason behind it. */
function isUnheard(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof errors.NoRespondersError) return true
  }
  return false
}

/**
 * Asks again when no answer came in time: what is just being made by another instance has no leader in a cluster for a moment,
 * and nobody answers for it. Only for what may be asked twice.
 * @param what the beginning of the sentence: `The stream "S" can't be looked up`
 * @throws ContrailError SERVER_TIMEOUT when none came three times; else what `ask` throws, as one of the framework's
 */
export async function untilAnswered<T>(what: string, ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await translated(what, ask)
    } catch (thrown) {
      const isLate = thrown instanceof ContrailError && thrown.code === 'SERVER_TIMEOUT'
      if (!isLate || tries === TRIES) throw thrown
    }
  }
}
