/** Code around handlers and around publications, outermost first. */
import type { Payload } from '@nats-io/nats-core'
import type { HandlerContext } from './context.ts'
import type { PublishOptions, PublishResult } from './publisher/options.ts'

/**
 * Around a handler: resolves to its result. Errors pass through `next`; what is thrown decides about the ack. Around a
 * batch it runs once: `context.messages` has them all.
 */
export type Middleware<Deps extends object = object> = (
  context: HandlerContext<Readonly<Record<string, string>>, Deps>,
  next: () => Promise<unknown>,
) => unknown

/** Middleware for both ways, as `use` takes it. */
export interface Around<Deps extends object = object> {
  handle?: Middleware<Deps>
  publish?: PublishMiddleware
}

/** A publication on its way; its fields may be changed before `next`. */
export interface Outgoing {
  subject: string
  payload: Payload
  options: PublishOptions
  /** 'publish' on core NATS, 'stream' with a PubAck, 'request' with an answer, 'batch': one of those stored together. */
  readonly kind: 'publish' | 'stream' | 'request' | 'batch'
}

/** Around a publication: resolves to its result. */
export type PublishMiddleware = (
  outgoing: Outgoing,
  next: () => Promise<PublishResult | undefined>,
) => Promise<PublishResult | undefined>

/** Runs `inner` inside all of `around`. */
export function runThrough<A>(
  around: ReadonlyArray<(subject: A, next: () => Promise<unknown>) => unknown>,
  subject: A,
  inner: () => unknown,
): Promise<unknown> {
  const step = async (index: number): Promise<unknown> =>
    index === around.length ? inner() : around[index](subject, () => step(index + 1))
  return step(0)
}
